"""Does a list in chunks show one moment, each object once?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.api.kube import config_map

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


async def test_chunks_are_consistent_though_objects_come_and_go(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for index in range(5):
        await kube.made(path, config_map(f"a{index}", labels={"x": "1"}))
    page = await kube.get(path, limit=2, labelSelector="x=1")
    names, revision = page.names, page.meta["resourceVersion"]
    assert names == ["a0", "a1"]
    await kube.delete(f"{path}/a3")
    await kube.made(path, config_map("a9", labels={"x": "1"}))
    while token := page.meta.get("continue"):
        page = await kube.get(path, **{"limit": 2, "labelSelector": "x=1", "continue": token})
        assert page.meta["resourceVersion"] == revision
        names += page.names
    assert names == ["a0", "a1", "a2", "a3", "a4"]


async def test_a_chunk_says_how_many_remain(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    for index in range(3):
        await kube.made(path, {"metadata": {"name": f"a{index}"}})
    assert (await kube.get(path, limit=1)).meta["remainingItemCount"] == 2


async def test_a_token_that_is_none_is_a_bad_request(kube: Kube, namespace: str) -> None:
    answer = await kube.get(f"/api/v1/namespaces/{namespace}/secrets", **{"limit": 1, "continue": "!!"})
    assert (answer.status, answer.reason) == (400, "BadRequest")


async def test_a_page_that_was_forgotten_is_gone(ours: Kube) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    for index in range(2):
        await ours.made(path, config_map(f"a{index}"))
    token = (await ours.get(path, limit=1)).meta["continue"]
    for _ in range(100):
        await ours.get(path, limit=1)
    answer = await ours.get(path, **{"limit": 1, "continue": token})
    assert (answer.status, answer.reason) == (410, "Expired")
