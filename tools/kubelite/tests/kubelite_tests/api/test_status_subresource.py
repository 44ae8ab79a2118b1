"""Do spec and status have a door each?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.api.kube import job

if TYPE_CHECKING:
    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube


async def test_a_status_given_at_creation_is_dropped(kube: Kube, widgets: Widgets) -> None:
    assert "status" not in await kube.made(widgets.path, widgets.new("a") | {"status": {"phase": "X"}})


async def test_the_objects_door_ignores_status(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    await kube.patch(f"{widgets.path}/a/status", {"status": {"phase": "X"}})
    changed = (await kube.patch(f"{widgets.path}/a", {"spec": {"size": 2}, "status": {"phase": "Y"}})).body
    assert (changed["spec"]["size"], changed["status"]) == (2, {"phase": "X"})


async def test_the_status_door_ignores_spec_and_metadata(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"size": 2}, "status": {"phase": "X"}}
    changed = (await kube.patch(f"{widgets.path}/a/status", patch)).body
    assert (changed["spec"]["size"], changed["status"]) == (1, {"phase": "X"})
    assert "labels" not in changed["metadata"]


async def test_only_a_change_of_the_spec_counts_as_a_generation(kube: Kube, widgets: Widgets) -> None:
    made = await kube.made(widgets.path, widgets.new("a"))
    status = (await kube.patch(f"{widgets.path}/a/status", {"status": {"phase": "X"}})).meta
    label = (await kube.patch(f"{widgets.path}/a", {"metadata": {"labels": {"a": "b"}}})).meta
    spec = (await kube.patch(f"{widgets.path}/a", {"spec": {"size": 2}})).meta
    assert [meta["generation"] for meta in (made["metadata"], status, label, spec)] == [1, 1, 1, 2]


async def test_a_jobs_status_has_a_door_too(kube: Kube, namespace: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    made = await kube.made(path, job("a") | {"status": {"active": 5}})
    assert "active" not in (made.get("status") or {})
    changed = (
        await kube.patch(f"{path}/a/status", {"status": {"ready": 0, "terminating": 0}, "spec": {"parallelism": 3}})
    ).body
    assert changed["spec"]["parallelism"] == 0


async def test_the_status_door_can_be_read(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    assert (await kube.get(f"{widgets.path}/a/status")).body["spec"]["size"] == 1
