"""Does kubectl work against it?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kubelite_tests.api.kube import job, pod

if TYPE_CHECKING:
    from kubelite_tests.api.fixtures import Kubectl
    from kubelite_tests.api.kube import Kube


async def test_apply_get_and_delete(kubectl: Kubectl) -> None:
    assert (await kubectl("apply", "-f", "-", stdin=job("a"))).strip() == "job.batch/a created"
    assert (await kubectl("apply", "-f", "-", stdin=job("a"))).strip() == "job.batch/a unchanged"
    again = job("a", parallelism=0, activeDeadlineSeconds=60)
    assert (await kubectl("apply", "-f", "-", stdin=again)).strip() == "job.batch/a configured"
    header, row = (await kubectl("get", "jobs")).splitlines()
    assert header.split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert row.split()[:3] == ["a", "Running", "0/1"]
    assert (await kubectl("get", "job", "a", "-o", "jsonpath={.spec.activeDeadlineSeconds}")) == "60"
    assert 'job.batch "a" deleted' in await kubectl("delete", "job", "a")
    assert "NotFound" in await kubectl("get", "job", "a", fails=True)


async def test_describe_shows_the_events(kubectl: Kubectl, kube: Kube, namespace: str) -> None:
    made = await kube.made(f"/api/v1/namespaces/{namespace}/pods", pod("a"))
    about = {"kind": "Pod", "namespace": namespace, "name": "a", "uid": made["metadata"]["uid"]}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "reason": "Odd", "message": "M", "type": "Warning"}
    await kube.made(f"/api/v1/namespaces/{namespace}/events", event)
    text = await kubectl("describe", "pod", "a")
    assert "Service Account:  default" in text
    assert any(line.split()[:2] == ["Warning", "Odd"] for line in text.splitlines())


async def test_labels_and_selectors(kubectl: Kubectl, kube: Kube, namespace: str) -> None:
    await kube.made(f"/api/v1/namespaces/{namespace}/pods", pod("a"))
    await kubectl("label", "pod", "a", "x=1")
    assert (await kubectl("get", "pods", "-l", "x in (1,2)", "-o", "name")).strip() == "pod/a"
    assert (await kubectl("get", "pods", "-l", "x!=1", "-o", "name")).strip() == ""


async def test_wait_sees_a_change(kubectl: Kubectl, kube: Kube, namespace: str) -> None:
    await kube.made(f"/api/v1/namespaces/{namespace}/pods", pod("a"))
    waiting = asyncio.create_task(kubectl("wait", "pod/a", "--for=condition=Mine", "--timeout=20s"))
    status = {"status": {"conditions": [{"type": "Mine", "status": "True"}]}}
    await kube.patch(f"/api/v1/namespaces/{namespace}/pods/a/status", status, "strategic")
    assert "condition met" in await waiting


async def test_delete_waits_for_finalizers(kubectl: Kubectl, kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, {"metadata": {"name": "a", "finalizers": ["example.test/x"]}})
    deleting = asyncio.create_task(kubectl("delete", "configmap", "a"))
    await kube.until(f"{path}/a", lambda found: "deletionTimestamp" in found["metadata"])
    assert not deleting.done()
    await kube.patch(f"{path}/a", {"metadata": {"finalizers": None}})
    await deleting
