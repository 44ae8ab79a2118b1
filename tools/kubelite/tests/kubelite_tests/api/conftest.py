"""One suite of questions for two API servers: kubelite's (embedded, always) and a real one.

The real one is the cluster of the kubeconfig named by KUBECONFIG_CONFORMANCE (API server and controller manager; no node is
needed). Without it those tests are skipped and say so. Nothing is mocked: every question goes over HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from kubelite_tests.api.fixtures import api, kube, kubeconfig, kubectl, namespace, ours, server  # noqa: F401 # fixtures
from kubelite_tests.api.kube import unique

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kubelite_tests.api.kube import Kube


@dataclass(frozen=True, slots=True)
class Widgets:
    """A custom resource of the test's own. ``path`` is where its objects live."""

    group: str
    path: str

    @property
    def definition(self) -> str:
        """The path of its definition."""
        return f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{self.group}"

    def new(self, name: str, **spec: Any) -> dict[str, Any]:
        """A widget; ``size`` is required and is 1 here unless given."""
        meta = {"name": name}
        return {"apiVersion": f"{self.group}/v1", "kind": "Widget", "metadata": meta, "spec": {"size": 1} | spec}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 10},
                "colour": {"type": "string", "enum": ["red", "blue"]},
                "label": {"type": "string", "maxLength": 5, "pattern": "^[a-z]+$"},
                "port": {"x-kubernetes-int-or-string": True},
                "mode": {"type": "string", "default": "plain"},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
                "numbers": {"type": "object", "additionalProperties": {"type": "integer"}},
                "when": {"type": "string", "format": "date-time"},
                "empty": {"type": "string", "nullable": True},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
                },
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}, "started": {"type": "string"}}},
    },
}


@pytest_asyncio.fixture
async def widgets(kube: Kube, namespace: str) -> AsyncIterator[Widgets]:
    """A definition that is established and served."""
    group = f"{unique('g')}.example.test"
    found = Widgets(group, f"/apis/{group}/v1/namespaces/{namespace}/widgets")
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
        {"name": "Started", "type": "date", "jsonPath": ".status.started"},
    ]
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "selectableFields": [{"jsonPath": ".spec.colour"}],
        "schema": {"openAPIV3Schema": SCHEMA},
    }
    names = {"plural": "widgets", "kind": "Widget"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    meta = {"metadata": {"name": f"widgets.{group}"}}
    await kube.made("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition | meta)
    await kube.until(found.path, lambda body: body["kind"] == "WidgetList")
    yield found
    await kube.delete(found.definition)
