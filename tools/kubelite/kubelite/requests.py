"""What a request asks for: the resource its path names, the verb, the body, the form of the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kubelite.deletion import DeleteOptions
from kubelite.errors import (
    APIError,
    bad_request,
    method_not_allowed,
    no_such_path,
    not_emulated,
    unsupported_media_type,
)
from kubelite.resources import EVENTS_V1, OTHER_GROUPS

if TYPE_CHECKING:
    from aiohttp import web

    from kubelite.resources import Object, Registry, Resource

_CORE_ELSEWHERE: Final = frozenset(
    {
        "bindings",
        "componentstatuses",
        "endpoints",
        "persistentvolumeclaims",
        "persistentvolumes",
        "podtemplates",
        "replicationcontrollers",
        "services",
    }
)
_PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PROPAGATION: Final = ("Background", "Foreground", "Orphan")
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. ``shown`` is the resource of the path; ``stored`` differs from it for the newer events only."""

    shown: Resource
    stored: Resource
    namespace: str | None
    name: str | None
    subresource: str | None

    @property
    def label(self) -> str:
        """The name in counters and logs, e.g. ``jobs.batch/status``."""
        return f"{self.shown.key}/{self.subresource}" if self.subresource else self.shown.key


def target(registry: Registry, path: str) -> Target:
    """The resource, namespace, name and subresource that ``path`` names.

    Raises:
        APIError: 404 for a path of no Kubernetes, 501 for one that only a real cluster serves.
    """
    match [part for part in path.split("/") if part]:
        case ["api", "v1", *rest]:
            group, version = "", "v1"
        case ["apis", group, version, *rest]:
            pass
        case _:
            raise no_such_path()
    namespace = None
    if len(rest) > 2 and rest[0] == "namespaces" and (group or rest[2] not in {"status", "finalize"}):
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3:
        raise not_emulated(f"the path {path}") if rest else no_such_path()
    shown = _resource(registry, group, version, rest[0])
    name, subresource = [*rest[1:], None, None][:2]
    stored = registry.get("events") if shown is EVENTS_V1 else shown
    if stored is None or (namespace is not None and not shown.namespaced):
        raise no_such_path()
    if subresource and not (subresource == "status" and shown.status) and (shown.key, subresource) != ("pods", "log"):
        raise no_such_path() if shown.custom else not_emulated(f"{shown.key}/{subresource}")
    return Target(shown, stored, namespace, name, subresource)


def _resource(registry: Registry, group: str, version: str, plural: str) -> Resource:
    found = EVENTS_V1 if group == EVENTS_V1.group else registry.get(f"{plural}.{group}" if group else plural)
    if found is not None and (found.version, found.plural) == (version, plural):
        return found
    if group in OTHER_GROUPS or (not group and plural in _CORE_ELSEWHERE) or (group == "batch" and plural == "cronjobs"):
        raise not_emulated(f"{plural}.{group}" if group else plural)
    raise no_such_path()


def verb(request: web.Request, where: Target) -> str:
    """The verb as RBAC names it: get, list, watch, create, update, patch, delete, deletecollection.

    Raises:
        APIError: 405 for a method that the path does not have.
    """
    named = where.name is not None
    if request.method == "GET":
        return "get" if named else "watch" if flag(request, "watch") else "list"
    if request.method == "DELETE" and not named:
        return "deletecollection"
    if (request.method == "POST") is named or request.method not in _VERBS:
        raise method_not_allowed()
    if where.subresource and request.method == "DELETE":
        raise method_not_allowed()
    return _VERBS[request.method]


def flag(request: web.Request, name: str) -> bool:
    """A boolean query parameter."""
    return request.query.get(name, "") in {"1", "true", "True"}


def number(request: web.Request, name: str) -> int | None:
    """A numeric query parameter that is not negative. Raises APIError 400."""
    text = request.query.get(name)
    if not text:
        return None
    if not text.isdecimal():
        raise bad_request(f"{name}: Invalid value: {json.dumps(text)}: expected a number of at least 0")
    return int(text)


def is_dry_run(request: web.Request, options: Object | None = None) -> bool:
    """Whether nothing is to be stored. Raises APIError 422 for a word other than All."""
    words = set(request.query.getall("dryRun", [])) | set((options or {}).get("dryRun") or ())
    if words - {"All"}:
        raise APIError(422, "Invalid", f'dryRun: Unsupported value: {sorted(words)}: supported values: "All"')
    return bool(words)


async def body(request: web.Request, *accepted: str) -> Any:
    """The JSON of the request's body.

    A content type is demanded: a browser cannot send one of these to loopback from another site without asking first.

    Raises:
        APIError: 415 for another content type (501 for protobuf), 400 for what is no JSON.
    """
    accepted = accepted or (_JSON,)
    if request.content_type == _PROTOBUF:
        raise not_emulated("protobuf, which kubectl's imperative commands send (kubectl apply -f and create -f send JSON)")
    if request.content_type not in accepted or "Content-Type" not in request.headers:
        raise unsupported_media_type(accepted)
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise bad_request(f"the body of the request is no JSON: {error}") from error


async def json_object(request: web.Request) -> Object:
    """The JSON object of the request's body. Raises APIError 415 or 400."""
    found = await body(request)
    if not isinstance(found, dict) or not isinstance(found.get("metadata", {}), dict):
        raise bad_request("the body of the request must be an object with metadata")
    return found


async def delete_options(request: web.Request) -> tuple[DeleteOptions, bool]:
    """The options of a deletion, from body and query, and whether it is a dry run. Raises APIError 400, 415, 422."""
    said: Object = await body(request) if request.can_read_body and await request.read() else {}
    if said.get("orphanDependents") is not None or "orphanDependents" in request.query:
        raise not_emulated("orphanDependents (deprecated: use propagationPolicy)")
    propagation = said.get("propagationPolicy") or request.query.get("propagationPolicy")
    if propagation not in {None, *_PROPAGATION}:
        supported = ", ".join(json.dumps(word) for word in _PROPAGATION)
        raise APIError(422, "Invalid", f'propagationPolicy: Unsupported value: "{propagation}": supported values: {supported}')
    grace = said.get("gracePeriodSeconds")
    grace = number(request, "gracePeriodSeconds") if grace is None else grace
    wanted = said.get("preconditions") or {}
    options = DeleteOptions(grace, propagation, wanted.get("uid"), wanted.get("resourceVersion"))
    return options, is_dry_run(request, said)


def form(request: web.Request) -> str:
    """The form of the answer that the Accept header prefers: ``Table``, ``PartialObjectMetadata`` or ``JSON``.

    Raises:
        APIError: 406 where only protobuf or the like is accepted.
    """
    header = request.headers.get("Accept", "")
    for choice in header.split(","):
        kind, *parameters = (part.strip() for part in choice.split(";"))
        asked = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        if kind not in {_JSON, "*/*", "application/*", ""}:
            continue
        if "as" not in asked:
            return "JSON"
        if (asked.get("g"), asked.get("v")) == ("meta.k8s.io", "v1"):
            if asked["as"] == "Table":
                return "Table"
            if asked["as"] in {"PartialObjectMetadata", "PartialObjectMetadataList"}:
                return "PartialObjectMetadata"
    message = "only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io"
    raise APIError(406, "NotAcceptable", message)


def user(request: web.Request) -> str:
    """Who asks, for the log: the bearer token itself names them; nothing is authenticated on loopback."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else "system:anonymous"
