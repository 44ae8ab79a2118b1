"""The custom resource definition on two API servers: kubelite's (always) and a real one, if KUBECONFIG_CONFORMANCE names one.

Nothing is mocked: every question goes over HTTP or through kubectl.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest_asyncio
import yaml

from kubelite_tests.api.fixtures import kube, kubeconfig, kubectl, namespace, server  # noqa: F401 # fixtures
from regen_core.names import API_VERSION, KIND, PLURAL
from tests.integration.crd.regeneration_jobs import RegenerationJobs

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube

_DEFINITION = Path(__file__).parents[3] / "crds" / f"{PLURAL}.regeneration.dev.yaml"


@pytest_asyncio.fixture
async def jobs(kube: Kube, namespace: str) -> RegenerationJobs:
    """The definition from ``crds/``, established; on a real cluster it stays."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition: dict[str, Any] = yaml.safe_load(_DEFINITION.read_text())
    if (await kube.post(definitions, definition)).status == 409:
        path = f"{definitions}/{definition['metadata']['name']}"
        assert (await kube.patch(path, {"spec": definition["spec"]})).status == 200
    found = RegenerationJobs(f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}")
    await kube.until(found.path, lambda body: body["kind"] == f"{KIND}List")
    return found
