"""Are ``v1`` and ``events.k8s.io/v1`` events the same objects?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


async def test_one_written_as_v1_reads_as_the_newer(kube: Kube, namespace: str) -> None:
    about = {"kind": "Pod", "namespace": namespace, "name": "p"}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "reason": "R", "message": "M", "type": "Normal", "count": 2}
    await kube.made(f"/api/v1/namespaces/{namespace}/events", event)
    newer = (await kube.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/e")).body
    assert (newer["apiVersion"], newer["kind"]) == ("events.k8s.io/v1", "Event")
    assert (newer["regarding"], newer["note"], newer["deprecatedCount"]) == (about, "M", 2)


async def test_one_written_as_the_newer_reads_as_v1(kube: Kube, namespace: str) -> None:
    about = {"kind": "Pod", "namespace": namespace, "name": "p"}
    event = {
        "metadata": {"name": "e"},
        "eventTime": "2026-01-02T03:04:05.000006Z",
        "reportingController": "example.test/me",
        "reportingInstance": "me-1",
        "action": "Looked",
        "reason": "R",
        "regarding": about,
        "note": "M",
        "type": "Normal",
    }
    await kube.made(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", event)
    older = (await kube.get(f"/api/v1/namespaces/{namespace}/events/e")).body
    assert (older["involvedObject"], older["message"], older["reportingComponent"]) == (about, "M", "example.test/me")
    listed = (await kube.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")).body
    assert [item["note"] for item in listed["items"]] == ["M"]
