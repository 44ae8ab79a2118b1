"""A thin Kubernetes client: typed errors, a deadline on every call, and a count of every write.

Credentials come from kopf's own login functions, so that the client and the watches agree on them. Reads are retried;
a write is sent again only where the server said that it did not look at it (401, 429).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp
import kopf

from regen_core.errors import SettingsInvalid
from regen_core.names import API_VERSION, PLURAL
from regen_operator.kube.errors import KubeError, Unauthorized, Unavailable, error_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

Json = dict[str, Any]

READ_ATTEMPTS: Final = 3
LOGIN_SECONDS: Final = 60.0
PAGE: Final = 500
MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object by its address."""

    api_version: str
    plural: str

    def path(self, namespace: str, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection, an object or its subresource."""
        root = "/api" if "/" not in self.api_version else "/apis"
        parts = [root, self.api_version, "namespaces", namespace, self.plural, name, subresource]
        return "/".join(part for part in parts if part is not None)


JOBS: Final = Resource("batch/v1", "jobs")
PODS: Final = Resource("v1", "pods")
EVENTS: Final = Resource("v1", "events")
LEASES: Final = Resource("coordination.k8s.io/v1", "leases")
CUSTOM: Final = Resource(API_VERSION, PLURAL)


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and the API server's clock (UTC without a zone, whole seconds; None where it did not say)."""

    body: Json
    now: datetime | None


def login() -> kopf.ConnectionInfo:
    """Where the API server is and who we are: ``KUBECONFIG``, else the pod's service account.

    Raises:
        SettingsInvalid: neither is there.
    """
    settings = kopf.OperatorSettings()
    info = kopf.login_with_kubeconfig(settings=settings) or login_in_pod(settings)
    if info is None:
        raise SettingsInvalid("KUBECONFIG: expected a kubeconfig file, or a service account token in the pod")
    return info


def login_in_pod(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo | None:
    """The pod's service account, at the address that the kubelet names (as client-go does): kopf's own asks the DNS."""
    info = kopf.login_with_service_account(settings=settings)
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if info is None or not host:
        return info
    return replace(info, server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")


class KubeClient:
    """Use as an async context manager."""

    def __init__(self, *, timeout_seconds: float, concurrency: int, log_in: Callable[[], kopf.ConnectionInfo] = login) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2)
        self._slots = asyncio.Semaphore(concurrency)
        self._log_in = log_in
        self._headers: dict[str, str] = {}
        self._logged_in = float("-inf")
        self._server = ""
        self._session: aiohttp.ClientSession | None = None
        self.writes: Counter[str] = Counter()
        """Requests sent that change something, by ``VERB plural``."""
        self.on_create: Callable[[Resource, float], None] = lambda _resource, _since: None
        """Called after every object that was made."""
        self.on_call: Callable[[str, str, float, str | None], None] = lambda *_: None
        """Called after every request with verb, plural, seconds, and the name of the error that it met, or None."""
        self.last_success: float | None = None
        """``time.monotonic()`` of the last call that the API server answered itself."""

    async def __aenter__(self) -> Self:
        info = self._log_in()
        self._server = info.server.rstrip("/")
        ssl = info.as_ssl_context() if self._server.startswith("https") else True
        connector = aiohttp.TCPConnector(ssl=ssl, limit=0, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, proxy=info.proxy_url)
        self._remember(info)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> Answer:
        """One object, read from the API server's storage and not from a cache."""
        return await self._call("GET", resource, namespace, name)

    async def pages(
        self, resource: Resource, namespace: str, *, labels: str | None = None, fields: str | None = None
    ) -> AsyncIterator[Answer]:
        """A whole collection, ``PAGE`` objects at a time."""
        query = {"limit": str(PAGE)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            answer = await self._call("GET", resource, namespace, None, query=query)
            yield answer
            following = answer.body.get("metadata", {}).get("continue")
            if not following:
                return
            query["continue"] = following

    async def create(self, resource: Resource, namespace: str, body: Json) -> Answer:
        """Makes one object."""
        began = time.monotonic()
        answer = await self._call("POST", resource, namespace, None, body=body)
        self.on_create(resource, began)
        return answer

    async def replace(self, resource: Resource, namespace: str, name: str, body: Json) -> Answer:
        """Replaces one object; its ``resourceVersion`` is the condition."""
        return await self._call("PUT", resource, namespace, name, body=body)

    async def patch_status(self, resource: Resource, namespace: str, name: str, status: Mapping[str, Any]) -> Answer:
        """Merges ``status`` into the object's status; a None removes its key."""
        return await self._call("PATCH", resource, namespace, name, subresource="status", body={"status": dict(status)})

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, propagation: str = "Foreground"
    ) -> Answer:
        """Deletes the object that has ``uid``, and no other of its name."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid},
        }
        return await self._call("DELETE", resource, namespace, name, body=body)

    async def _call(
        self,
        verb: str,
        resource: Resource,
        namespace: str,
        name: str | None,
        *,
        subresource: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> Answer:
        path = resource.path(namespace, name, subresource)
        for attempt in range(1, READ_ATTEMPTS + 1):
            last = attempt == READ_ATTEMPTS
            if verb != "GET":
                self.writes[f"{verb} {resource.plural}"] += 1
            try:
                return await self._timed(verb, resource, path, query, body)
            except Unauthorized:
                if last:
                    raise
                self._logged_in = float("-inf")
            except Unavailable as error:
                if last or (verb != "GET" and not error.not_looked_at):
                    raise
                await asyncio.sleep(min(error.retry_after or 0.2 * attempt, 10.0))
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _timed(
        self, verb: str, resource: Resource, path: str, query: Mapping[str, str] | None, body: Json | None
    ) -> Answer:
        began = time.monotonic()
        try:
            async with self._slots:
                answer = await self._send(verb, path, query, body)
        except KubeError as error:
            self.on_call(verb, resource.plural, time.monotonic() - began, type(error).__name__)
            raise
        self.on_call(verb, resource.plural, time.monotonic() - began, None)
        return answer

    async def _send(self, verb: str, path: str, query: Mapping[str, str] | None, body: Json | None) -> Answer:
        if self._session is None:
            raise RuntimeError("KubeClient: expected to be entered before it is used")
        if time.monotonic() - self._logged_in > LOGIN_SECONDS:
            self._remember(self._log_in())
        headers = dict(self._headers)
        if verb == "PATCH":
            headers["Content-Type"] = MERGE_PATCH
        try:
            async with self._session.request(verb, self._server + path, params=query, json=body, headers=headers) as response:
                content = await _json(response)
                now = _server_clock(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"Kubernetes API: {verb} {path} was not answered ({type(error).__name__})") from error
        if response.status < 400 and "kind" not in content:
            raise Unavailable(f"Kubernetes API: {verb} {path} was answered {response.status} with no object that can be read")
        if response.status < 500 and response.status != 429:
            self.last_success = time.monotonic()
        if response.status >= 400:
            raise error_of(response.status, content, response.headers, f"{verb} {path}")
        return Answer(content, now)

    def _remember(self, info: kopf.ConnectionInfo) -> None:
        """Takes the token anew: the kubelet replaces the file of a service account's token about once an hour."""
        self._headers = info.as_http_headers() | {"Accept": "application/json", "User-Agent": "regen-operator"}
        self._logged_in = time.monotonic()


async def _json(response: aiohttp.ClientResponse) -> Json:
    try:
        content = await response.json(content_type=None)
    except (ValueError, RecursionError):
        # A proxy's page, in whatever encoding it likes.
        return {"message": (await response.text(errors="replace"))[:300]}
    return content if isinstance(content, dict) else {}


def _server_clock(response: aiohttp.ClientResponse) -> datetime | None:
    text = response.headers.get("Date")
    try:
        return parsedate_to_datetime(text).astimezone(UTC).replace(tzinfo=None) if text else None
    except ValueError:
        return None
