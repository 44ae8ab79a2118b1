"""What does a watch get whose revision is no longer known?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite.api import KubernetesAPI
from kubelite.store import ObjectStore
from kubelite_tests.api.kube import config_map, from_kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

    from kubelite_tests.api.kube import Kube


async def test_an_error_event_with_410(kube: Kube, namespace: str) -> None:
    async with kube.watch(f"/api/v1/namespaces/{namespace}/configmaps", resourceVersion=1) as events:
        event = await anext(events)
        assert (event["type"], event["object"]["kind"]) == ("ERROR", "Status")
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert [after async for after in events] == []


async def test_ours_forgets_what_no_longer_fits_its_history(tmp_path: Path) -> None:
    api = KubernetesAPI(ObjectStore(history=3))
    await api.start()
    path = "/api/v1/namespaces/default/configmaps"
    try:
        async with from_kubeconfig(api.write_kubeconfig(tmp_path / "kubeconfig")) as kube:
            made = [await kube.made(path, config_map(f"c{index}")) for index in range(5)]
            revisions = [obj["metadata"]["resourceVersion"] for obj in made]
            async with kube.watch(path, resourceVersion=revisions[1], timeoutSeconds=1) as events:
                assert [event["object"]["metadata"]["name"] async for event in events] == ["c2", "c3", "c4"]
            async with kube.watch(path, resourceVersion=revisions[0]) as events:
                assert (await anext(events))["object"]["code"] == 410
    finally:
        await api.stop()


async def test_a_revision_of_the_future_is_refused(kube: Kube, namespace: str) -> None:
    current = int((await kube.get(f"/api/v1/namespaces/{namespace}/configmaps")).meta["resourceVersion"])
    answer = await kube.get(f"/api/v1/namespaces/{namespace}/configmaps", resourceVersion=current + 1_000_000)
    assert (answer.status, answer.reason) == (504, "Timeout")
    assert answer.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
