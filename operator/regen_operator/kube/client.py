"""The Kubernetes API behind one small port: the official client's transport, typed errors, a deadline on every call.

Objects are JSON in and JSON out: the client's generated models and its dynamic layer cost more processor time for each call
than the rest of a launch (docs/decisions/0002-the-official-kubernetes-client.md). Reads are retried. A write is repeated only
where the server says that it did not process it (401, 429).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlencode

import aiohttp
import structlog
from kubernetes.aio.client import ApiClient

from regen_core.errors import SettingsInvalid
from regen_core.names import API_VERSION, PLURAL
from regen_operator.kube.errors import ApiUnavailable, KubeError, Unauthorized, error_of
from regen_operator.kube.login import RELOAD_SECONDS, log_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    import kopf
    from kubernetes.aio.client.rest import RESTResponse

    from regen_operator.kube.login import Login

Json = dict[str, Any]

log = structlog.get_logger("regen.kubernetes")

READ_ATTEMPTS: Final = 3
PAGE: Final = 500
MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A resource type by its place in the API."""

    api_version: str
    plural: str

    def path(self, namespace: str, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of a collection, an object or its subresource."""
        root = "/api" if "/" not in self.api_version else "/apis"
        parts = [root, self.api_version, "namespaces", namespace, self.plural, name, subresource]
        return "/".join(part for part in parts if part is not None)


JOBS: Final = ResourceType("batch/v1", "jobs")
PODS: Final = ResourceType("v1", "pods")
EVENTS: Final = ResourceType("v1", "events")
LEASES: Final = ResourceType("coordination.k8s.io/v1", "leases")
CUSTOM: Final = ResourceType(API_VERSION, PLURAL)


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """The body of a response, and the API server's clock (UTC without a zone, whole seconds; None without a Date header)."""

    body: Json
    now: datetime | None


@dataclass(frozen=True, slots=True)
class _Session:
    """Connections, and the credentials that their requests carry."""

    login: Login
    client: ApiClient


class KubeClient:
    """Use as an async context manager."""

    def __init__(self, *, timeout_seconds: float, concurrency: int, log_in: Callable[[], Awaitable[Login]] = log_in) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2)
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._log_in = log_in
        self._entered: _Session | None = None
        self._loaded_at = float("-inf")
        self._loading = asyncio.Lock()
        self._retired: list[tuple[float, ApiClient]] = []
        self.writes: Counter[str] = Counter()
        """Requests sent that change something, by ``VERB plural``."""
        self.on_create: Callable[[ResourceType, float], None] = lambda _resource, _since: None
        """Called after every created object with the time at which the create began."""
        self.on_call: Callable[[str, str, float, str | None], None] = lambda *_: None
        """Called after every request with verb, plural, seconds, and the name of the error, or None."""
        self.last_success: float | None = None
        """``time.monotonic()`` of the last response that came from the API server itself."""

    async def __aenter__(self) -> Self:
        login = await self._log_in()
        self._use(login)
        log.info("kubernetes login", server=login.server, proxy=login.configuration.proxy)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._entered is not None:
            await self._entered.client.close()
        await self._close_retired(float("inf"))

    async def get(self, resource: ResourceType, namespace: str, name: str) -> ApiResponse:
        """One object, read from the API server's storage and not from a cache."""
        return await self._call("GET", resource, namespace, name)

    async def pages(
        self, resource: ResourceType, namespace: str, *, labels: str | None = None, fields: str | None = None
    ) -> AsyncIterator[ApiResponse]:
        """A whole collection, ``PAGE`` objects at a time."""
        query = {"limit": str(PAGE)}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            page = await self._call("GET", resource, namespace, None, query=query)
            yield page
            following = page.body.get("metadata", {}).get("continue")
            if not following:
                return
            query["continue"] = following

    async def create(self, resource: ResourceType, namespace: str, body: Json) -> ApiResponse:
        """Creates one object."""
        began = time.monotonic()
        created = await self._call("POST", resource, namespace, None, body=body)
        self.on_create(resource, began)
        return created

    async def replace(self, resource: ResourceType, namespace: str, name: str, body: Json) -> ApiResponse:
        """Replaces one object if its ``resourceVersion`` is still that of ``body``."""
        return await self._call("PUT", resource, namespace, name, body=body)

    async def patch_status(self, resource: ResourceType, namespace: str, name: str, status: Mapping[str, Any]) -> ApiResponse:
        """Merges ``status`` into the object's status; a None removes its key."""
        return await self._call("PATCH", resource, namespace, name, subresource="status", body={"status": dict(status)})

    async def patch_labels(self, resource: ResourceType, namespace: str, name: str, labels: Mapping[str, str]) -> ApiResponse:
        """Merges ``labels`` into the object's labels."""
        return await self._call("PATCH", resource, namespace, name, body={"metadata": {"labels": dict(labels)}})

    async def delete(
        self, resource: ResourceType, namespace: str, name: str, *, uid: str, propagation: str = "Foreground"
    ) -> ApiResponse:
        """Deletes the object that has ``uid``, and no other of its name."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid},
        }
        return await self._call("DELETE", resource, namespace, name, body=body)

    async def connection_info(self, *, rejected: bool) -> kopf.ConnectionInfo:
        """The current login for kopf's watches; a new one if the API server ``rejected`` that.

        Raises:
            SettingsInvalid: no login can be loaded.
        """
        if rejected:
            async with self._loading:
                self._use(await self._log_in())
        return self._session.login.connection_info()

    async def _call(
        self,
        verb: str,
        resource: ResourceType,
        namespace: str,
        name: str | None,
        *,
        subresource: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> ApiResponse:
        path = resource.path(namespace, name, subresource)
        if query:
            path += f"?{urlencode(query)}"
        for attempt in range(1, READ_ATTEMPTS + 1):
            last = attempt == READ_ATTEMPTS
            if verb != "GET":
                self.writes[f"{verb} {resource.plural}"] += 1
            session = await self._current_session()
            try:
                return await self._timed(session, verb, resource, path, body)
            except Unauthorized:
                if last:
                    raise
                await self._renew(session)
            except ApiUnavailable as error:
                if last or (verb != "GET" and not error.not_processed):
                    raise
                await asyncio.sleep(min(error.retry_after or 0.2 * attempt, 10.0))
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _timed(self, session: _Session, verb: str, resource: ResourceType, path: str, body: Json | None) -> ApiResponse:
        began = time.monotonic()
        try:
            async with self._slots:
                response = await self._send(session, verb, path, body)
        except KubeError as error:
            self.on_call(verb, resource.plural, time.monotonic() - began, type(error).__name__)
            raise
        self.on_call(verb, resource.plural, time.monotonic() - began, None)
        return response

    async def _send(self, session: _Session, verb: str, path: str, body: Json | None) -> ApiResponse:
        headers = {"Accept": "application/json", "User-Agent": "regen-operator"}
        if session.login.authorization is not None:
            headers["Authorization"] = session.login.authorization
        if verb == "PATCH":
            headers["Content-Type"] = MERGE_PATCH
        call = f"{verb} {path.partition('?')[0]}"
        try:
            url = session.login.server + path
            response = await session.client.call_api(verb, url, headers, body, _request_timeout=self._timeout)
            content = _object(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(f"Kubernetes API: {call}: no response ({_cause(error)})") from error
        if response.status < 400 and "kind" not in content:
            raise ApiUnavailable(f"Kubernetes API: {call}: the {response.status} response is no Kubernetes object")
        if response.status < 500 and response.status != 429:
            self.last_success = time.monotonic()
        if response.status >= 400:
            raise error_of(response.status, content, response.headers, call)
        return ApiResponse(content, _server_clock(response))

    # -- login ---------------------------------------------------------------------------------------------------------

    @property
    def _session(self) -> _Session:
        if self._entered is None:
            raise RuntimeError("KubeClient is used before it is entered")
        return self._entered

    async def _current_session(self) -> _Session:
        if time.monotonic() - self._loaded_at > RELOAD_SECONDS and not self._loading.locked():
            # Counted from the attempt: a plugin that fails is not started by every call.
            self._loaded_at = time.monotonic()
            if self._session.login.is_stale:
                await self._renew(self._session)
        return self._session

    async def _renew(self, used: _Session) -> None:
        """Loads new credentials in place of ``used``, unless another call has; keeps them if none can be loaded."""
        async with self._loading:
            if self._session is not used:
                return
            try:
                self._use(await self._log_in())
            except SettingsInvalid as error:
                log.warning("kubernetes login failed, keeping the current credentials", error=error.message)
        await self._close_retired(time.monotonic())

    def _use(self, login: Login) -> None:
        before = self._entered
        self._loaded_at = time.monotonic()
        if before is not None and before.login.same_connection(login):
            self._entered = _Session(login, before.client)
            return
        login.configuration.connection_pool_maxsize = self._concurrency
        try:
            self._entered = _Session(login, ApiClient(login.configuration))
        except (OSError, ValueError) as error:
            raise SettingsInvalid(
                f"cannot use the CA bundle or the client certificate for {login.server}: {error}. Check their files."
            ) from error
        if before is not None:
            # Its calls under way end within their deadline.
            self._retired.append((time.monotonic() + (self._timeout.total or 0.0), before.client))

    async def _close_retired(self, now: float) -> None:
        for entry in [one for one in self._retired if one[0] <= now]:
            self._retired.remove(entry)
            await entry[1].close()


def _object(content: bytes) -> Json:
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        # A proxy's page, in whatever encoding it has.
        return {"message": content.decode("utf-8", "replace")[:300]}
    return parsed if isinstance(parsed, dict) else {}


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _server_clock(response: RESTResponse) -> datetime | None:
    text = response.headers.get("Date")
    try:
        return parsedate_to_datetime(text).astimezone(UTC).replace(tzinfo=None) if text else None
    except ValueError:
        return None
