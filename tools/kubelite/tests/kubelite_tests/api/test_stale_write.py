"""Is a write that was based on an old version refused?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubelite_tests.api.kube import config_map

if TYPE_CHECKING:
    from kubelite_tests.api.conftest import Widgets
    from kubelite_tests.api.kube import Kube


async def test_a_put_with_an_old_revision_is_a_conflict(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    old = await kube.made(path, config_map("a"))
    assert (await kube.put(f"{path}/a", old | {"data": {"a": "2"}})).status == 200
    answer = await kube.put(f"{path}/a", old | {"data": {"a": "3"}})
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert answer.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert (await kube.get(f"{path}/a")).body["data"] == {"a": "2"}


@pytest.mark.parametrize("kind", ["merge", "strategic"])
async def test_a_patch_that_names_an_old_revision_is_a_conflict(kube: Kube, namespace: str, kind: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    old = await kube.made(path, config_map("a"))
    await kube.patch(f"{path}/a", {"data": {"a": "2"}})
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"a": "3"}}
    assert (await kube.patch(f"{path}/a", stale, kind)).status == 409


async def test_another_uid_is_a_conflict_in_a_put_and_invalid_in_a_patch(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, config_map("a"))
    other = {"uid": "00000000-0000-4000-8000-000000000000"}
    answer = await kube.put(f"{path}/a", config_map("a", **other))
    assert (answer.status, answer.reason) == (409, "Conflict")
    answer = await kube.patch(f"{path}/a", {"metadata": other})
    assert (answer.status, answer.causes) == (422, {"metadata.uid": "FieldValueInvalid"})


async def test_a_plain_kind_may_be_replaced_without_a_revision(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, config_map("a"))
    assert (await kube.put(f"{path}/a", config_map("a") | {"data": {"b": "2"}})).body["data"] == {"b": "2"}


async def test_a_custom_resource_may_not(kube: Kube, widgets: Widgets) -> None:
    await kube.made(widgets.path, widgets.new("a"))
    answer = await kube.put(f"{widgets.path}/a", widgets.new("a", size=2))
    assert (answer.status, answer.causes) == (422, {"metadata.resourceVersion": "FieldValueInvalid"})


async def test_a_status_write_with_an_old_revision_is_a_conflict(kube: Kube, widgets: Widgets) -> None:
    old = await kube.made(widgets.path, widgets.new("a"))
    await kube.patch(f"{widgets.path}/a", {"spec": {"size": 2}})
    answer = await kube.put(f"{widgets.path}/a/status", old | {"status": {"phase": "X"}})
    assert (answer.status, answer.reason) == (409, "Conflict")


async def test_a_write_that_changes_nothing_makes_no_version(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    old = await kube.made(path, config_map("a"))
    for answer in (await kube.put(f"{path}/a", old), await kube.patch(f"{path}/a", {"data": {"a": "1"}})):
        assert answer.meta["resourceVersion"] == old["metadata"]["resourceVersion"]
