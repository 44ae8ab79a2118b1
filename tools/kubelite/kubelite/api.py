"""The embedded Kubernetes API: an HTTP server on loopback over an ``ObjectStore``.

It speaks enough for kubectl, kopf and our operator. What it does not emulate answers 501. Nothing is authenticated: it is
for one developer's machine and for tests.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import secrets
from collections import Counter, OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from kubelite import discovery, event_views, patches, podlogs, requests, schema
from kubelite.answers import Writer, dump
from kubelite.errors import (
    APIError,
    FieldError,
    bad_request,
    expired,
    invalid,
    method_not_allowed,
    not_emulated,
    revision_too_large,
)
from kubelite.store import ObjectStore, parse_revision
from kubelite.watching import stream

if TYPE_CHECKING:
    from pathlib import Path

    from kubelite.requests import Target
    from kubelite.resources import Object
    from kubelite.watches import Stored

_log = logging.getLogger(__name__)

_MAX_BODY: Final = 3 * 1024 * 1024
_MAX_PAGES: Final = 64
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_REVIEWS: Final = {
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {"allowed": True},
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews": {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    },
}


class KubernetesAPI:
    """A Kubernetes API of one process.

    Args:
        store: the objects; the node agent may share them. A new one by default.
        bookmark_seconds: how often a quiet watch that asked for bookmarks gets one.

    Attributes:
        counters: requests by (user agent, verb, resource), e.g. ``("kopf/1.45", "patch", "jobs.batch/status")``.
    """

    def __init__(self, store: ObjectStore | None = None, bookmark_seconds: float = 60.0) -> None:
        self.store = store or ObjectStore()
        self.counters: Counter[tuple[str, str, str]] = Counter()
        self._bookmark_seconds = bookmark_seconds
        self._pages: OrderedDict[str, tuple[int, tuple[Stored, ...]]] = OrderedDict()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self, port: int = 0) -> None:
        """Listens on 127.0.0.1; port 0 means any free one."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # a client that goes away ends its watch
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Ends every watch and stops listening. Safe to repeat."""
        self.store.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def write_kubeconfig(self, path: Path, *, user: str = "admin", namespace: str = "default") -> Path:
        """Writes a kubeconfig whose only context is this API; ``user`` is what the log calls the caller."""
        context = {"cluster": "kubelite", "user": user, "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kubelite", "cluster": {"server": self.url}}],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "kubelite", "context": context}],
            "current-context": "kubelite",
        }
        path.write_text(json.dumps(config, indent=2) + "\n")
        return path

    # -- one request --------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            _check_host(request)
            return await self._answer(request)
        except APIError as error:
            _log.debug("%s %s by %s: %s", request.method, request.rel_url, requests.user(request), error.message)
            headers = {"Retry-After": "1"} if "retryAfterSeconds" in error.details else None
            return _json(dump(error.as_status()), error.code, headers)
        except ConnectionResetError:
            return web.Response()  # to nobody: the client has gone while it was answered
        except web.HTTPRequestEntityTooLarge:
            too_large = APIError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {_MAX_BODY}")
            return _json(dump(too_large.as_status()), 413)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # an object of a shape that nobody foresaw
            _log.exception("%s %s", request.method, request.rel_url)
            return _json(dump(APIError(500, "InternalError", "Internal error occurred: see the API's log").as_status()), 500)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            if request.path in {"/healthz", "/readyz", "/livez"}:
                return web.Response(text="ok")
            if request.path.startswith("/openapi/v2"):
                raise not_emulated("OpenAPI v2")
            document = discovery.document(self.store.resources, request.path)
            if document is not None:
                return _json(dump(document))
        elif request.method == "POST" and request.path in _REVIEWS:
            return _json(dump(await requests.json_object(request) | {"status": _REVIEWS[request.path]}), 201)
        where = requests.target(self.store.resources, request.path)
        verb = requests.verb(request, where)
        self.counters[request.headers.get("User-Agent", ""), verb, where.label] += 1
        if where.subresource == "log":
            if verb != "get":
                raise not_emulated("writes to logs")
            return await podlogs.logs(request, self.store, where.namespace or "", where.name or "")
        include = request.query.get("includeObject", "Metadata")
        writer = Writer(where, requests.form(request), datetime.now(UTC), include)
        if verb == "watch":
            return await stream(request, self.store, writer, self._bookmark_seconds)
        response: web.Response = await getattr(self, f"_{verb}")(request, where, writer)
        return response

    async def _get(self, request: web.Request, where: Target, writer: Writer) -> web.Response:  # noqa: ARG002
        return _json(writer.version(self.store.read(where.stored.key, where.namespace, where.name or "")))

    async def _list(self, request: web.Request, where: Target, writer: Writer) -> web.Response:
        labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
        limit, token = requests.number(request, "limit"), request.query.get("continue")
        if token:
            revision, found = self._page(token)
        else:
            revision = self._revision(request)
            found = self.store.select(where.stored.key, where.namespace, labels=labels, fields=fields)
        meta: dict[str, Any] = {"resourceVersion": str(revision)}
        if limit and len(found) > limit:
            meta["continue"] = self._keep_page(revision, found[limit:])
            if not labels and not fields:
                meta["remainingItemCount"] = len(found) - limit
            found = found[:limit]
        return _json(writer.list(found, meta))

    def _revision(self, request: web.Request) -> int:
        asked, current = parse_revision(request.query.get("resourceVersion")), self.store.revision
        if asked > current:
            raise revision_too_large(asked, current)
        if request.query.get("resourceVersionMatch") == "Exact" and asked != current:
            raise not_emulated("lists at an old resourceVersion")
        return current

    def _keep_page(self, revision: int, rest: tuple[Stored, ...]) -> str:
        page = secrets.token_hex(8)
        self._pages[page] = (revision, rest)
        if len(self._pages) > _MAX_PAGES:
            self._pages.popitem(last=False)
        return base64.urlsafe_b64encode(dump({"v": "meta.k8s.io/v1", "rv": revision, "start": page})).decode().rstrip("=")

    def _page(self, token: str) -> tuple[int, tuple[Stored, ...]]:
        try:
            page = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["start"]
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise bad_request(f"continue key is not valid: {error}") from error
        if page not in self._pages:
            raise expired("The provided continue parameter is too old to display a consistent list result.")
        return self._pages[page]

    async def _create(self, request: web.Request, where: Target, writer: Writer) -> web.Response:
        obj = await requests.json_object(request)
        warnings = self._drop_unknown(request, where, obj)
        obj = _inward(where, obj)
        if where.namespace is None and where.stored.namespaced:
            raise method_not_allowed()
        made = self.store.create(where.stored.key, where.namespace, obj, dry_run=requests.is_dry_run(request))
        return _json(writer.object(made), 201, warnings)

    async def _update(self, request: web.Request, where: Target, writer: Writer) -> web.Response:
        obj = await requests.json_object(request)
        warnings = self._drop_unknown(request, where, obj)
        return self._write(request, where, writer, obj, warnings)

    async def _patch(self, request: web.Request, where: Target, writer: Writer) -> web.Response:
        if request.content_type == patches.APPLY:
            raise not_emulated("server-side apply")
        strategic = () if where.shown.custom else (patches.STRATEGIC,)
        patch = await requests.body(request, patches.JSON_PATCH, patches.MERGE_PATCH, *strategic)
        # from here to the write nothing is awaited: the patch applies to the version that it replaces
        current = writer.shown(self.store.get(where.stored.key, where.namespace, where.name or ""))
        uid = current["metadata"]["uid"]
        obj = patches.apply(request.content_type, current, patch)
        if obj.get("metadata", {}).get("uid", uid) != uid:
            raise invalid(
                where.stored, where.name or "", [FieldError("metadata.uid", "FieldValueInvalid", "field is immutable")]
            )
        warnings = self._drop_unknown(request, where, obj)
        return self._write(request, where, writer, obj, warnings)

    def _write(
        self, request: web.Request, where: Target, writer: Writer, obj: Object, warnings: dict[str, str] | None
    ) -> web.Response:
        obj = _inward(where, obj)
        dry_run = requests.is_dry_run(request)
        name = where.name or ""
        written = self.store.update(
            where.stored.key, where.namespace, name, obj, subresource=where.subresource, dry_run=dry_run
        )
        return _json(writer.object(written), 200, warnings)

    def _drop_unknown(self, request: web.Request, where: Target, obj: Object) -> dict[str, str] | None:
        """Prunes ``obj``; 400 for unknown fields under ``fieldValidation=Strict``, else a Warning header."""
        if where.shown.schema is None:
            return None
        mode = request.query.get("fieldValidation") or "Warn"
        unknown = [f'unknown field "{path}"' for path in schema.prune(where.shown.schema, obj)]
        if not unknown or mode == "Ignore":
            return None
        if mode == "Strict":
            name = obj.get("metadata", {}).get("name", "")
            text = f'{where.shown.kind} in version "{where.shown.version}" cannot be handled as a {where.shown.kind}'
            raise bad_request(f"{text}: strict decoding error: {', '.join(unknown)} ({name})")
        return {"Warning": ", ".join(f"299 - {json.dumps(text)}" for text in unknown)}

    async def _delete(self, request: web.Request, where: Target, writer: Writer) -> web.Response:
        options, dry_run = await requests.delete_options(request)
        obj, gone = self.store.delete(
            where.stored.key,
            where.namespace,
            where.name or "",
            grace=options.grace,
            propagation=options.propagation,
            uid=options.uid,
            resource_version=options.resource_version,
            dry_run=dry_run,
        )
        if not gone or where.stored.key in {"pods", "serviceaccounts", "resourcequotas"}:
            return _json(writer.object(obj))
        details = {"name": where.name, "group": where.shown.group, "kind": where.shown.plural, "uid": obj["metadata"]["uid"]}
        details = {key: value for key, value in details.items() if value}
        return _json(dump({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}))

    async def _deletecollection(self, request: web.Request, where: Target, writer: Writer) -> web.Response:
        options, dry_run = await requests.delete_options(request)
        labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
        found = self.store.select(where.stored.key, where.namespace, labels=labels, fields=fields)
        for version in found:
            try:
                self.store.delete(
                    where.stored.key,
                    version.namespace,
                    version.name,
                    grace=options.grace,
                    propagation=options.propagation,
                    dry_run=dry_run,
                )
            except APIError as error:
                if error.code != 404:  # went with an owner that was deleted just before
                    raise
        return _json(writer.list(found, {"resourceVersion": str(self.store.revision)}))


def _check_host(request: web.Request) -> None:
    """Refuses a web page whose name was rebound to loopback."""
    if request.host.rpartition(":")[0] not in _LOOPBACK:
        raise APIError(403, "Forbidden", f"host {request.host!r}: expected a loopback address")


def _inward(where: Target, obj: Object) -> Object:
    return obj if where.shown is where.stored else event_views.older(obj)


def _json(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=content, status=status, content_type="application/json", headers=headers)
