"""What the API serves: a description per resource, built in or made from a CustomResourceDefinition.

A resource is named as kubectl names it: ``pods``, ``jobs.batch``, ``regenerationjobs.regeneration.dev``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kubelite.builtin_schemas import JOB, POD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Object = dict[str, Any]
"""A JSON object as the API reads and writes it."""

CRDS: Final = "customresourcedefinitions.apiextensions.k8s.io"
VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
OTHER_GROUPS: Final = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "certificates.k8s.io",
        "discovery.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "metrics.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
"""Groups of a real cluster that are answered with 501 here, not with 404."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API.

    ``selectable`` holds the dotted paths that field selectors may use beside ``metadata.name`` and ``metadata.namespace``.
    ``generation``: whether ``metadata.generation`` counts changes of the desired state.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    generation: bool = False
    unconditional_update: bool = True
    selectable: frozenset[str] = frozenset()
    custom: bool = False
    schema: Mapping[str, Any] | None = field(default=None, hash=False, compare=False)
    columns: tuple[Mapping[str, Any], ...] = field(default=(), hash=False, compare=False)

    @property
    def key(self) -> str:
        """The name in the store and in messages, e.g. ``jobs.batch``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        """The name of one, in lower case."""
        return self.kind.lower()


_POD_FIELDS = frozenset({"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"})
_EVENT_FIELDS = frozenset(
    {f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")}
    | {"reason", "reportingComponent", "source.component", "type"}
)

BUILT_IN: Final = (
    Resource(
        "",
        "v1",
        "namespaces",
        "Namespace",
        namespaced=False,
        short_names=("ns",),
        status=True,
        selectable=frozenset({"status.phase"}),
    ),
    Resource("", "v1", "nodes", "Node", namespaced=False, short_names=("no",), status=True),
    Resource(
        "",
        "v1",
        "pods",
        "Pod",
        short_names=("po",),
        categories=("all",),
        status=True,
        generation=True,
        selectable=_POD_FIELDS,
        schema=POD,
    ),
    Resource("", "v1", "secrets", "Secret", selectable=frozenset({"type"})),
    Resource("", "v1", "configmaps", "ConfigMap", short_names=("cm",)),
    Resource("", "v1", "serviceaccounts", "ServiceAccount", short_names=("sa",), unconditional_update=False),
    Resource("", "v1", "events", "Event", short_names=("ev",), selectable=_EVENT_FIELDS),
    Resource("", "v1", "resourcequotas", "ResourceQuota", short_names=("quota",), status=True),
    Resource("", "v1", "limitranges", "LimitRange", short_names=("limits",)),
    Resource(
        "batch",
        "v1",
        "jobs",
        "Job",
        categories=("all",),
        status=True,
        generation=True,
        selectable=frozenset({"status.successful"}),
        schema=JOB,
    ),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", unconditional_update=False),
    Resource(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        status=True,
        generation=True,
        unconditional_update=False,
    ),
)

EVENTS_V1: Final = Resource("events.k8s.io", "v1", "events", "Event", short_names=("ev",))
"""The newer face of ``events``: the same objects under other field names (see ``event_views``)."""


def from_definition(definition: Mapping[str, Any]) -> Resource:
    """The resource that a CustomResourceDefinition with exactly one served version describes."""
    spec = definition["spec"]
    version = next(version for version in spec["versions"] if version["served"])
    names = spec["names"]
    selectable = (entry["jsonPath"].lstrip(".") for entry in version.get("selectableFields", ()))
    return Resource(
        spec["group"],
        version["name"],
        names["plural"],
        names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        status="status" in version.get("subresources", {}),
        generation=True,
        unconditional_update=False,
        selectable=frozenset(selectable),
        custom=True,
        schema=version["schema"]["openAPIV3Schema"],
        columns=tuple(version.get("additionalPrinterColumns", ({"name": "Age", "type": "date", "jsonPath": _AGE},))),
    )


_AGE = ".metadata.creationTimestamp"


class Registry:
    """The resources served now, found by key or by group, version and plural."""

    def __init__(self, resources: Iterable[Resource] = BUILT_IN) -> None:
        self._by_key = {resource.key: resource for resource in resources}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_key.values())

    def get(self, key: str) -> Resource | None:
        """The resource of that key, if it is served."""
        return self._by_key.get(key)

    def add(self, resource: Resource) -> None:
        """Serves ``resource``, in place of an older description of the same key."""
        self._by_key[resource.key] = resource

    def remove(self, key: str) -> None:
        """Serves it no longer."""
        self._by_key.pop(key, None)
