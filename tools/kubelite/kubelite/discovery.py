"""What the API says about itself: versions, groups, resources, and enough OpenAPI for kubectl to leave validation to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubelite.resources import EVENTS_V1, VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubelite.resources import Object, Registry, Resource

GIT_VERSION: Final = "v1.36.0"
_SUBRESOURCE_VERBS: Final = {"status": ["get", "patch", "update"], "log": ["get"]}


def version() -> Object:
    """``/version``. The build metadata says what this is."""
    return {
        "major": "1",
        "minor": "36",
        "gitVersion": f"{GIT_VERSION}+kubelite",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }


def served(registry: Registry) -> Iterator[Resource]:
    """Every resource with a path of its own."""
    yield from registry
    yield EVENTS_V1


def _groups(registry: Registry) -> dict[str, str]:
    return {resource.group: resource.version for resource in served(registry) if resource.group}


def _group(name: str, group_version: str) -> Object:
    entry = {"groupVersion": f"{name}/{group_version}", "version": group_version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def document(registry: Registry, path: str) -> Object | None:
    """The discovery document at ``path``, or None where there is none."""
    groups = _groups(registry)
    found: Object | None = None
    match path.strip("/").split("/"):
        case ["version"]:
            found = version()
        case ["api"]:
            found = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["api", "v1"]:
            found = _resources(registry, "", "v1")
        case ["apis"]:
            entries = [_group(name, group_version) for name, group_version in groups.items()]
            found = {"kind": "APIGroupList", "apiVersion": "v1", "groups": entries}
        case ["apis", group] if group in groups:
            found = {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, groups[group])
        case ["apis", group, group_version] if groups.get(group) == group_version:
            found = _resources(registry, group, group_version)
        case ["openapi", "v3", *rest]:
            found = _openapi(registry, "/".join(rest))
    return found


def _resources(registry: Registry, group: str, group_version: str) -> Object:
    entries: list[dict[str, Any]] = []
    for resource in served(registry):
        if (resource.group, resource.version) != (group, group_version):
            continue
        entry: dict[str, Any] = {"namespaced": resource.namespaced, "kind": resource.kind}
        names = {"name": resource.plural, "singularName": resource.singular, "verbs": list(VERBS)}
        short = {"shortNames": list(resource.short_names)} if resource.short_names else {}
        categories = {"categories": list(resource.categories)} if resource.categories else {}
        entries.append(entry | names | short | categories)
        for subresource in (["status"] if resource.status else []) + (["log"] if resource.key == "pods" else []):
            verbs = _SUBRESOURCE_VERBS[subresource]
            entries.append(entry | {"name": f"{resource.plural}/{subresource}", "singularName": "", "verbs": verbs})
    where = f"{group}/{group_version}" if group else group_version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": where, "resources": entries}


def _openapi(registry: Registry, path: str) -> Object | None:
    """OpenAPI v3 that says of every resource only that the server validates fields, which stops kubectl from trying."""
    found: dict[str, list[Resource]] = {}
    for resource in served(registry):
        prefix = f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"
        found.setdefault(prefix, []).append(resource)
    if not path:
        return {"paths": {prefix: {"serverRelativeURL": f"/openapi/v3/{prefix}"} for prefix in found}}
    if path not in found:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "kubelite", "version": GIT_VERSION},
        "paths": {f"/{path}/{_place(resource)}": {"patch": _patch(resource)} for resource in found[path]},
        "components": {"schemas": {_schema_name(resource): _schema(resource) for resource in found[path]}},
    }


def _place(resource: Resource) -> str:
    return f"{'namespaces/{namespace}/' if resource.namespaced else ''}{resource.plural}/{{name}}"


def _identity(resource: Resource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _patch(resource: Resource) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldValidation")]
    return {"parameters": parameters, "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": _identity(resource)}


def _schema_name(resource: Resource) -> str:
    return ".".join([*reversed((resource.group or "core.api.k8s.io").split(".")), resource.version, resource.kind])


def _schema(resource: Resource) -> dict[str, Any]:
    own = dict(resource.schema) if resource.schema and resource.custom else {"type": "object"}
    return own | {"x-kubernetes-group-version-kind": [_identity(resource)]}
