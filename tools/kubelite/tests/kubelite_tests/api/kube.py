"""A bare HTTP client of a Kubernetes API: what goes over the wire is what the questions are about."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import yaml

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Object = dict[str, Any]

PATIENCE: Final = 30.0
"""Seconds until a condition that should come true is given up."""
_PATCH_TYPES: Final = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status code, JSON body and headers."""

    status: int
    body: Object
    warnings: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The word of a Status."""
        return str(self.body.get("reason", ""))

    @property
    def message(self) -> str:
        """The sentence of a Status."""
        return str(self.body.get("message", ""))

    @property
    def meta(self) -> Object:
        """The metadata of the object or list."""
        found: Object = self.body["metadata"]
        return found

    @property
    def causes(self) -> dict[str, str]:
        """Reason by field of a 422."""
        return {cause["field"]: cause["reason"] for cause in self.body["details"]["causes"]}

    @property
    def names(self) -> list[str]:
        """The names of a list's items."""
        return [item["metadata"]["name"] for item in self.body["items"]]


class Kube:
    """The API at ``url``."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def call(self, method: str, path: str, body: Any = None, *, headers: Any = None, **query: Any) -> Answer:
        """One request; ``body`` goes as JSON."""
        data = None if body is None else json.dumps(body)
        sent = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if data else {}) | (headers or {})
        params = {key: str(value) for key, value in query.items() if value is not None}
        async with self._session.request(method, self.url + path, data=data, headers=sent, params=params) as response:
            text = await response.text()
            found = json.loads(text) if response.content_type == "application/json" else {"text": text}
            return Answer(response.status, found, tuple(response.headers.getall("Warning", ())))

    async def get(self, path: str, **query: Any) -> Answer:
        """A GET."""
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: Object, **query: Any) -> Answer:
        """A POST."""
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Object, **query: Any) -> Answer:
        """A PUT."""
        return await self.call("PUT", path, body, **query)

    async def patch(self, path: str, body: Any, kind: str = "merge", **query: Any) -> Answer:
        """A PATCH of kind json, merge, strategic or apply."""
        return await self.call("PATCH", path, body, headers={"Content-Type": _PATCH_TYPES[kind]}, **query)

    async def delete(self, path: str, body: Object | None = None, **query: Any) -> Answer:
        """A DELETE."""
        return await self.call("DELETE", path, body, **query)

    async def made(self, path: str, body: Object) -> Object:
        """The new object; anything but 201 fails the test."""
        answer = await self.post(path, body)
        assert answer.status == 201, answer.body
        return answer.body

    async def until_gone(self, path: str) -> None:
        """Waits until ``path`` answers 404."""
        async with asyncio.timeout(PATIENCE):
            while (await self.get(path)).status != 404:  # noqa: ASYNC110 -- the condition is a server's
                await asyncio.sleep(0.05)

    async def until(self, path: str, holds: Any) -> Object:
        """Waits until ``holds`` is true of the object at ``path``, and returns it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.get(path)
                if answer.status == 200 and holds(answer.body):
                    return answer.body
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def watch(self, path: str, *, headers: Any = None, **query: Any) -> AsyncIterator[AsyncIterator[Object]]:
        """The events of a watch, parsed. Waiting too long for one fails the test."""
        params = {"watch": "true"} | {key: str(value) for key, value in query.items()}
        async with self._session.get(self.url + path, params=params, headers=headers) as response:
            assert response.status == 200, await response.text()

            async def events() -> AsyncIterator[Object]:
                while True:
                    async with asyncio.timeout(PATIENCE):
                        line = await response.content.readline()
                    if not line:
                        return
                    yield json.loads(line)

            yield events()


async def first(events: AsyncIterator[Object], count: int) -> list[tuple[str, str]]:
    """Kind and name of the next ``count`` events."""
    found = []
    for _ in range(count):
        event = await anext(events)
        found.append((event["type"], event["object"]["metadata"].get("name", "")))
    return found


@asynccontextmanager
async def from_kubeconfig(path: Path) -> AsyncIterator[Kube]:
    """A client of the cluster that the current context of ``path`` names; token or client certificate."""
    config = yaml.safe_load(path.read_text())  # noqa: ASYNC240 -- a small file, once
    context = next(item["context"] for item in config["contexts"] if item["name"] == config["current-context"])
    cluster = next(item["cluster"] for item in config["clusters"] if item["name"] == context["cluster"])
    user = next(item["user"] for item in config["users"] if item["name"] == context["user"])
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE * 2)
    connector = aiohttp.TCPConnector(ssl=_tls(cluster, user, path.parent))
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        yield Kube(session, cluster["server"])


def _tls(cluster: Object, user: Object, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif "certificate-authority-data" in cluster:
        context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    elif "certificate-authority" in cluster:
        context.load_verify_locations(folder / cluster["certificate-authority"])
    if "client-certificate" in user:
        context.load_cert_chain(folder / user["client-certificate"], folder / user["client-key"])
    return context


def unique(word: str) -> str:
    """A name that no other test uses."""
    return f"{word}-{uuid.uuid4().hex[:10]}"


def config_map(name: str, **meta: Any) -> Object:
    """A ConfigMap, the plainest object there is."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name} | meta, "data": {"a": "1"}}


def pod(name: str, **spec: Any) -> Object:
    """A Pod of one container that nobody schedules and nobody runs."""
    containers = [{"name": "main", "image": "nowhere.invalid/nothing:1"}]
    whole = {"schedulerName": "nobody", "containers": containers} | spec
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": whole}


def job(name: str, **spec: Any) -> Object:
    """A Job whose pod nobody runs. It asks for no pod at all, so that no controller changes it."""
    template = {"spec": pod("unused", restartPolicy="Never")["spec"]}
    del template["spec"]["schedulerName"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"parallelism": 0, "template": template} | spec,
    }


def owned(obj: Object, owner: Object, *, blocks: bool = False) -> Object:
    """``obj`` with an owner reference to ``owner``."""
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "blockOwnerDeletion": blocks}
    reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
    references = [*obj["metadata"].get("ownerReferences", ()), reference]
    return obj | {"metadata": obj["metadata"] | {"ownerReferences": references}}
