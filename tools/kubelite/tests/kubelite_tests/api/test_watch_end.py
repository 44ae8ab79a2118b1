"""How does a watch say how far it is, and when does it end?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kubelite_tests.api.kube import config_map

if TYPE_CHECKING:
    from kubelite.api import KubernetesAPI
    from kubelite_tests.api.kube import Kube


async def test_it_ends_after_its_timeout(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    since = (await kube.get(path)).meta["resourceVersion"]
    started = asyncio.get_running_loop().time()
    async with kube.watch(path, resourceVersion=since, timeoutSeconds=1) as events:
        assert [event async for event in events] == []
    assert 0.9 < asyncio.get_running_loop().time() - started < 10


async def test_initial_events_end_with_a_marked_bookmark(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, config_map("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with kube.watch(path, **query) as events:
        seen = []
        async for event in events:
            if event["type"] == "BOOKMARK":
                break
            seen.append(event["object"]["metadata"]["name"])
        assert "a" in seen
        assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert event["object"]["kind"] == "ConfigMap"


async def test_initial_events_need_their_match(kube: Kube, namespace: str) -> None:
    answer = await kube.get(f"/api/v1/namespaces/{namespace}/pods", watch="true", sendInitialEvents="true")
    assert (answer.status, answer.reason) == (422, "Invalid")


async def test_a_quiet_watch_gets_bookmarks_that_move_on(ours: Kube) -> None:
    pods = "/api/v1/namespaces/default/pods"
    since = (await ours.get(pods)).meta["resourceVersion"]
    async with ours.watch(pods, resourceVersion=since, allowWatchBookmarks="true") as events:
        made = await ours.made("/api/v1/namespaces/default/configmaps", config_map("elsewhere"))
        async for event in events:
            assert event["type"] == "BOOKMARK"
            if event["object"]["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]:
                break


async def test_it_ends_when_the_server_stops(ours: Kube, api: KubernetesAPI) -> None:
    async with ours.watch("/api/v1/pods") as events:
        await api.stop()
        assert [event async for event in events] == []
