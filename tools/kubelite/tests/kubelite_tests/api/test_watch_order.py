"""Which events does a watch see, and in which order?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.api.kube import config_map, first, unique

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


def _mine(namespace: str) -> tuple[str, dict[str, str]]:
    """A path and labels of this test's own: a real cluster puts a ConfigMap into every namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps", {"mine": unique("m")}


async def test_everything_after_the_lists_revision(kube: Kube, namespace: str) -> None:
    path, labels = _mine(namespace)
    selector = f"mine={labels['mine']}"
    await kube.made(path, config_map("a", labels=labels))
    since = (await kube.get(path)).meta["resourceVersion"]
    await kube.made(path, config_map("b", labels=labels))
    async with kube.watch(path, resourceVersion=since, labelSelector=selector) as events:
        await kube.patch(f"{path}/a", {"data": {"a": "2"}})
        await kube.delete(f"{path}/a")
        assert await first(events, 3) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_without_a_revision_first_what_there_is(kube: Kube, namespace: str) -> None:
    path, labels = _mine(namespace)
    for name in ("a", "b"):
        await kube.made(path, config_map(name, labels=labels))
    async with kube.watch(path, labelSelector=f"mine={labels['mine']}") as events:
        assert sorted(await first(events, 2)) == [("ADDED", "a"), ("ADDED", "b")]
        await kube.delete(f"{path}/b")
        assert await first(events, 1) == [("DELETED", "b")]


async def test_an_object_that_stops_matching_is_deleted_and_one_that_begins_is_added(kube: Kube, namespace: str) -> None:
    path, labels = _mine(namespace)
    made = await kube.made(path, config_map("a", labels=labels))
    since = made["metadata"]["resourceVersion"]
    async with kube.watch(path, resourceVersion=since, labelSelector=f"mine={labels['mine']}") as events:
        out = (await kube.patch(f"{path}/a", {"metadata": {"labels": {"mine": "no"}}})).meta["resourceVersion"]
        await kube.patch(f"{path}/a", {"data": {"unseen": "1"}})
        await kube.patch(f"{path}/a", {"metadata": {"labels": labels}})
        gone = await anext(events)
        assert (gone["type"], gone["object"]["metadata"]["labels"]) == ("DELETED", labels)
        assert gone["object"]["metadata"]["resourceVersion"] == out
        assert await first(events, 1) == [("ADDED", "a")]


async def test_a_deletion_has_a_revision_of_its_own(kube: Kube, namespace: str) -> None:
    path, labels = _mine(namespace)
    made = await kube.made(path, config_map("a", labels=labels))
    since = made["metadata"]["resourceVersion"]
    async with kube.watch(path, resourceVersion=since, fieldSelector="metadata.name=a") as events:
        await kube.delete(f"{path}/a")
        event = await anext(events)
        assert int(event["object"]["metadata"]["resourceVersion"]) > int(since)
        assert (event["object"]["metadata"]["uid"], event["object"]["kind"]) == (made["metadata"]["uid"], "ConfigMap")


async def test_a_watch_of_all_namespaces_sees_each(kube: Kube, namespace: str) -> None:
    path, labels = _mine(namespace)
    since = (await kube.get(path)).meta["resourceVersion"]
    async with kube.watch("/api/v1/configmaps", resourceVersion=since, labelSelector=f"mine={labels['mine']}") as events:
        await kube.made(path, config_map("a", labels=labels))
        assert await first(events, 1) == [("ADDED", "a")]
