"""Does each kind of patch do what its name says?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kubelite_tests.api.kube import config_map, pod

if TYPE_CHECKING:
    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube


async def test_a_merge_patch_removes_what_is_null_and_replaces_lists(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a", colour="red", tags=["x", "y"]))
    changed = await kube.patch(f"{widgets.path}/a", {"spec": {"colour": None, "tags": ["z"]}})
    assert changed.body["spec"] == {"size": 1, "tags": ["z"], "mode": "plain"}


async def test_a_json_patch_applies_in_order(kube: Kube, widgets: Widgets) -> None:
    made = await kube.made(widgets.path, widgets.new("a", tags=["x"]))
    operations = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]},
        {"op": "add", "path": "/spec/tags/-", "value": "y"},
        {"op": "replace", "path": "/spec/tags/0", "value": "z"},
        {"op": "add", "path": "/metadata/annotations", "value": {"example.test/a": "1"}},
        {"op": "copy", "from": "/metadata/annotations/example.test~1a", "path": "/spec/label"},
        {"op": "remove", "path": "/spec/label"},
    ]
    changed = await kube.patch(f"{widgets.path}/a", operations, "json")
    assert changed.body["spec"]["tags"] == ["z", "y"]
    assert changed.meta["annotations"] == {"example.test/a": "1"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "remove", "path": "/spec/nothing"},
        {"op": "replace", "path": "/spec/tags/7", "value": "z"},
    ],
)
async def test_a_json_patch_that_does_not_fit_is_refused(kube: Kube, widgets: Widgets, operation: dict[str, Any]) -> None:
    await kube.made(widgets.path, widgets.new("a", tags=["x"]))
    answer = await kube.patch(f"{widgets.path}/a", [operation], "json")
    assert (answer.status, answer.reason) == (422, "Invalid")


async def test_a_strategic_patch_merges_lists_by_their_key(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(path, pod("a"))
    patch = {"spec": {"containers": [{"name": "main", "image": "nowhere.invalid/other:2"}]}}
    container = (await kube.patch(f"{path}/a", patch, "strategic")).body["spec"]["containers"][0]
    assert (container["image"], container["terminationMessagePath"]) == ("nowhere.invalid/other:2", "/dev/termination-log")
    conditions = [{"type": name, "status": "True"} for name in ("Ready", "Mine")]
    await kube.patch(f"{path}/a/status", {"status": {"conditions": conditions}}, "strategic")
    one = {"status": {"conditions": [{"type": "Mine", "status": "False"}]}}
    changed = (await kube.patch(f"{path}/a/status", one, "strategic")).body
    found = {entry["type"]: entry["status"] for entry in changed["status"]["conditions"]}
    assert (found["Ready"], found["Mine"]) == ("True", "False")


async def test_a_strategic_patch_merges_finalizers(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, config_map("a", finalizers=["example.test/x"]))
    added = await kube.patch(f"{path}/a", {"metadata": {"finalizers": ["example.test/y"]}}, "strategic")
    assert sorted(added.meta["finalizers"]) == ["example.test/x", "example.test/y"]
    out = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.test/x", "example.test/y"]}}
    assert "finalizers" not in (await kube.patch(f"{path}/a", out, "strategic")).meta


async def test_a_custom_resource_knows_no_strategic_patch(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    answer = await kube.patch(f"{widgets.path}/a", {"spec": {"size": 2}}, "strategic")
    assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")
