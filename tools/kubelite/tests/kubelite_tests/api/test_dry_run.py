"""Does a dry run check everything and store nothing?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.api.kube import config_map

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


async def test_create(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert (await kube.post(path, config_map("a"), dryRun="All")).status == 201
    assert (await kube.get(f"{path}/a")).status == 404
    assert (await kube.post(path, config_map("A"), dryRun="All")).status == 422


async def test_change_and_delete(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = await kube.made(path, config_map("a"))
    changed = await kube.patch(f"{path}/a", {"data": {"a": "2"}}, dryRun="All")
    assert changed.body["data"] == {"a": "2"}
    assert (await kube.delete(f"{path}/a", dryRun="All")).status == 200
    assert (await kube.get(f"{path}/a")).body == made


async def test_another_word_than_all_is_refused(kube: Kube, namespace: str) -> None:
    answer = await kube.post(f"/api/v1/namespaces/{namespace}/configmaps", config_map("a"), dryRun="Some")
    assert (answer.status, answer.reason) == (422, "Invalid")
