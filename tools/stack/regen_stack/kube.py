"""The few calls that demo, stack and tests make to a Kubernetes API: the embedded one, or the one that a kubeconfig names."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GROUPS: Final = {
    "jobs": "/apis/batch/v1",
    "deployments": "/apis/apps/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "regenerationjobs": "/apis/regeneration.dev/v1alpha1",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "validatingadmissionpolicies": "/apis/admissionregistration.k8s.io/v1",
    "validatingadmissionpolicybindings": "/apis/admissionregistration.k8s.io/v1",
}
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)


class KubeRefused(Exception):
    """The API answered with an error status. ``code`` is HTTP's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code


def path_of(resource: str, namespace: str | None, name: str = "") -> str:
    """The path of a resource such as ``jobs`` or ``pods``, of one object where ``name`` is given."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{_GROUPS.get(resource, '/api/v1')}{where}/{resource}" + (f"/{name}" if name else "")


class Kube:
    """A client: JSON in, JSON out, a timeout on every call."""

    def __init__(self, server: str, headers: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.server = server
        self._headers = dict(headers or {})
        self._tls: ssl.SSLContext | bool = tls or True
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """The client of the current context.

        Raises:
            ValueError: the file has no current context, or its user needs a plug-in.
        """
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(config, "contexts", config.get("current-context"))["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
        if "exec" in user or "auth-provider" in user:
            msg = f"{path}: expected a user with a token or a client certificate, got one that needs a plug-in"
            raise ValueError(msg)
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        return cls(cluster["server"], headers, _tls(cluster, user, path.parent))

    def as_user(self, name: str) -> Self:
        """A client, not yet open, that speaks as this user with every right: only admission can refuse it."""
        headers = {**self._headers, "Impersonate-User": name, "Impersonate-Group": "system:masters"}
        return type(self)(self.server, headers, self._tls if isinstance(self._tls, ssl.SSLContext) else None)

    async def open(self) -> None:
        """Opens the session."""
        connector = aiohttp.TCPConnector(ssl=self._tls)
        self._session = aiohttp.ClientSession(self.server, headers=self._headers, timeout=_TIMEOUT, connector=connector)

    async def close(self) -> None:
        """Closes it."""
        if self._session is not None:
            await self._session.close()

    async def find(self, resource: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        status, answer = await self._send("GET", path_of(resource, namespace, name))
        return None if status == 404 else _expect(status, answer)

    async def find_all(self, resource: str, namespace: str | None, labels: str = "") -> list[dict[str, Any]]:
        """The objects that have ``labels``."""
        status, answer = await self._send("GET", path_of(resource, namespace), params={"labelSelector": labels})
        return list(_expect(status, answer)["items"])

    async def try_create(self, resource: str, namespace: str | None, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the answer, errors included."""
        return await self._send("POST", path_of(resource, namespace), body)

    async def create(self, resource: str, namespace: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """The new object.

        Raises:
            KubeRefused: with the API's code and message.
        """
        return _expect(*await self.try_create(resource, namespace, body))

    async def try_out(self, verb: str, path: str, body: Mapping[str, Any] | None = None, kind: str = "json") -> tuple[int, str]:
        """The status and the message of a dry run. ``kind``: of a patch, merge-patch+json or another."""
        headers = {"Content-Type": f"application/{kind}"}
        status, answer = await self._send(verb, path, body, params={"dryRun": "All"}, headers=headers)
        return status, str(answer.get("message", ""))

    async def try_entry(self, namespace: str, pod: str, entry: str) -> tuple[int, str]:
        """The status and the message of a way into a pod: exec, attach, portforward or proxy."""
        status, answer = await self._send("POST", path_of("pods", namespace, pod) + f"/{entry}")
        return status, str(answer.get("message", ""))

    async def delete(self, resource: str, namespace: str | None, name: str, **options: Any) -> None:
        """Deletes as kubectl does, unless ``options`` (of DeleteOptions) say otherwise; what is gone is fine."""
        body = {"propagationPolicy": "Background", **options}
        status, answer = await self._send("DELETE", path_of(resource, namespace, name), body)
        if status != 404:
            _expect(status, answer)

    async def patch(self, resource: str, namespace: str | None, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The object after a JSON merge patch (RFC 7396).

        Raises:
            KubeRefused: with the API's code and message.
        """
        headers = {"Content-Type": "application/merge-patch+json"}
        return _expect(*await self._send("PATCH", path_of(resource, namespace, name), body, headers=headers))

    async def evict(self, namespace: str, pod: str) -> None:
        """Evicts a pod as a drain of its node does (policy/v1 Eviction).

        Raises:
            KubeRefused: with the API's code and message.
        """
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
        _expect(*await self._send("POST", path_of("pods", namespace, pod) + "/eviction", body))

    async def logs(self, namespace: str, pod: str, container: str) -> str:
        """What a container has written so far; empty where it has not started."""
        path = path_of("pods", namespace, pod) + "/log"
        async with self._open.get(path, params={"container": container}) as response:
            return await response.text() if response.status == 200 else ""

    async def ended_pods(self, namespace: str, labels: str, count: int) -> list[dict[str, Any]]:
        """The pods that have ``labels``, once ``count`` of them have ended; waits 30 s at most, woken by a watch."""
        path = path_of("pods", namespace)
        async with asyncio.timeout(30):
            while True:
                _, listing = await self._send("GET", path, params={"labelSelector": labels})
                ended = [pod for pod in listing["items"] if pod["status"].get("phase") in {"Succeeded", "Failed"}]
                if len(ended) >= count:
                    return ended
                revision = listing["metadata"]["resourceVersion"]
                query = {"labelSelector": labels, "watch": "1", "resourceVersion": revision, "timeoutSeconds": "10"}
                async with self._open.get(path, params=query) as response:
                    await response.content.readline()

    async def _send(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        async with self._open.request(verb, path, json=body, params=params, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith("{") else {"message": text}

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            msg = "Kube: expected open() before a call"
            raise RuntimeError(msg)
        return self._session


def exit_code(pod: Mapping[str, Any]) -> int:
    """The exit code of the pod's first container that failed, else 0."""
    status = pod["status"]
    states = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    codes = [int(one["state"]["terminated"]["exitCode"]) for one in states if "terminated" in one["state"]]
    return next((code for code in codes if code), 0)


def _expect(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    if status >= 400:
        raise KubeRefused(status, str(answer.get("message", "")))
    return answer


def _named(config: Mapping[str, Any], kind: str, name: str | None) -> dict[str, Any]:
    for entry in config.get(kind) or ():
        if entry.get("name") == name:
            return dict(entry)
    msg = f"kubeconfig: expected {kind} to have an entry {name!r}"
    raise ValueError(msg)


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext | None:
    if not str(cluster["server"]).startswith("https"):
        return None
    authority = _pem(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if "client-certificate" in user:
        context.load_cert_chain(folder / user["client-certificate"], folder / user["client-key"])
    elif "client-certificate-data" in user:
        msg = "kubeconfig: expected client-certificate and client-key as files; a key in the text cannot be loaded without one"
        raise ValueError(msg)
    return context


def _pem(entry: Mapping[str, Any], key: str, folder: Path) -> str | None:
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"]).decode()
    return (folder / entry[key]).read_text(encoding="utf-8") if key in entry else None
