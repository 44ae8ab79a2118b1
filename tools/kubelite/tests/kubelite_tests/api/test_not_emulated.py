"""Does our API say so where a real one would do more?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubelite_tests.api.kube import config_map, pod

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


@pytest.mark.parametrize(
    "path",
    [
        "/apis/apps/v1/deployments",
        "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
        "/apis/batch/v1/namespaces/default/cronjobs",
        "/api/v1/namespaces/default/services",
        "/api/v1/namespaces/default/pods/a/exec",
        "/openapi/v2",
    ],
)
async def test_what_only_a_cluster_serves_is_501(ours: Kube, path: str) -> None:
    answer = await ours.get(path)
    assert (answer.status, answer.reason) == (501, "NotImplemented")
    assert "use a real cluster" in answer.message


async def test_server_side_apply_is_501(ours: Kube) -> None:
    answer = await ours.patch("/api/v1/namespaces/default/configmaps/a", config_map("a"), "apply", fieldManager="me")
    assert (answer.status, answer.reason) == (501, "NotImplemented")


async def test_eviction_is_501(ours: Kube) -> None:
    await ours.made("/api/v1/namespaces/default/pods", pod("a"))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}
    assert (await ours.post("/api/v1/namespaces/default/pods/a/eviction", eviction)).status == 501


async def test_protobuf_is_501_and_says_what_to_do(ours: Kube) -> None:
    headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    answer = await ours.call("POST", "/api/v1/namespaces", {}, headers=headers)
    assert answer.status == 501
    assert "kubectl apply -f" in answer.message


@pytest.mark.parametrize("change", [{"multipleOf": 2}, {"uniqueItems": True}])
async def test_a_schema_with_a_keyword_that_nobody_would_check_is_501(ours: Kube, change: dict[str, object]) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "array", "items": {"type": "integer"}} | change}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "things", "kind": "Thing"}
    spec = {"group": "example.test", "scope": "Namespaced", "names": names, "versions": [version]}
    definition = {"metadata": {"name": "things.example.test"}, "spec": spec}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await ours.post(path, definition)).status == 501
