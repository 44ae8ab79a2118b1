"""One suite of questions for two API servers: ours (embedded, always) and a real one.

The real one is what the kubeconfig named by KUBECONFIG_CONFORMANCE leads to (API server and controller manager; no node is
needed); without it those runs are skipped, and say so. Nothing is mocked: every question goes over HTTP.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import yaml

from kubelite.api import KubernetesAPI
from regen_core.names import API_VERSION, KIND, PLURAL
from tests.integration.kubelite.kube import Kube, from_kubeconfig, unique
from tests.integration.kubelite.regeneration_jobs import RegenerationJobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_DEFINITION = Path(__file__).parents[3] / "crds" / f"{PLURAL}.regeneration.dev.yaml"
_VARIABLE = "KUBECONFIG_CONFORMANCE"


@pytest.fixture(params=["devcluster", pytest.param("real", marks=pytest.mark.cluster)])
def server(request: pytest.FixtureRequest) -> str:
    """Which API answers: ``devcluster`` or ``real``."""
    if request.param == "real" and _VARIABLE not in os.environ:
        pytest.skip(f"not proven here: {_VARIABLE} names no real cluster")
    return str(request.param)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[KubernetesAPI]:
    """Our API on a free port of loopback."""
    served = KubernetesAPI(bookmark_seconds=0.2)
    await served.start()
    yield served
    await served.stop()


@pytest_asyncio.fixture
async def ours(api: KubernetesAPI, tmp_path: Path) -> AsyncIterator[Kube]:
    """A client of our API, for what only ours has."""
    async with from_kubeconfig(api.write_kubeconfig(tmp_path / "kubeconfig")) as client:
        yield client


@pytest_asyncio.fixture
async def kubeconfig(server: str, tmp_path: Path) -> AsyncIterator[Path]:
    """The kubeconfig of the API that is asked."""
    if server == "real":
        yield Path(os.environ[_VARIABLE])
        return
    served = KubernetesAPI(bookmark_seconds=0.2)
    await served.start()
    yield served.write_kubeconfig(tmp_path / "kubeconfig")
    await served.stop()


@pytest_asyncio.fixture
async def kube(kubeconfig: Path) -> AsyncIterator[Kube]:
    """A client of the API that is asked."""
    async with from_kubeconfig(kubeconfig) as client:
        yield client


@pytest_asyncio.fixture
async def namespace(kube: Kube) -> AsyncIterator[str]:
    """A namespace of the test's own, with its default service account."""
    name = unique("t")
    await kube.made("/api/v1/namespaces", {"metadata": {"name": name}})
    await kube.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
    yield name
    await kube.delete(f"/api/v1/namespaces/{name}")


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


@pytest_asyncio.fixture
async def jobs(kube: Kube, namespace: str) -> RegenerationJobs:
    """The definition that we ship, established; on a real cluster it stays."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition: dict[str, Any] = yaml.safe_load(_DEFINITION.read_text())
    if (await kube.post(definitions, definition)).status == 409:
        path = f"{definitions}/{definition['metadata']['name']}"
        assert (await kube.patch(path, {"spec": definition["spec"]})).status == 200
    found = RegenerationJobs(f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}")
    await kube.until(found.path, lambda body: body["kind"] == f"{KIND}List")
    return found
