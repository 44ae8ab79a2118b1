"""When does a deleted object go?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelite_tests.api.kube import config_map, pod, unique

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube

OTHER_UID = "00000000-0000-4000-8000-000000000000"


async def test_only_if_its_uid_is_the_one_that_was_meant(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = (await kube.made(path, config_map("a")))["metadata"]["uid"]
    answer = await kube.delete(f"{path}/a", {"preconditions": {"uid": OTHER_UID}})
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert f"the UID in the precondition ({OTHER_UID}) does not match the UID in record ({uid})" in answer.message
    answer = await kube.delete(f"{path}/a", {"preconditions": {"uid": uid}})
    assert (answer.status, answer.body["status"]) == (200, "Success")
    assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": uid}


async def test_only_if_its_revision_is_the_one_that_was_meant(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    old = (await kube.made(path, config_map("a")))["metadata"]["resourceVersion"]
    await kube.patch(f"{path}/a", {"data": {"a": "2"}})
    answer = await kube.delete(f"{path}/a", {"preconditions": {"resourceVersion": old}})
    assert (answer.status, answer.reason) == (409, "Conflict")


async def test_not_before_its_finalizers(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await kube.made(path, config_map("a", finalizers=["example.test/x"]))
    meta = (await kube.delete(f"{path}/a")).meta
    assert (meta["finalizers"], meta["deletionGracePeriodSeconds"]) == (["example.test/x"], 0)
    added = await kube.patch(f"{path}/a", {"metadata": {"finalizers": ["example.test/x", "example.test/y"]}})
    assert (added.status, added.causes) == (422, {"metadata.finalizers": "FieldValueForbidden"})
    await kube.patch(f"{path}/a", {"metadata": {"finalizers": []}})
    assert (await kube.get(f"{path}/a")).status == 404


async def test_a_pod_without_a_node_goes_at_once(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(path, pod("a"))
    assert (await kube.delete(f"{path}/a")).body["kind"] == "Pod"
    assert (await kube.get(f"{path}/a")).status == 404


async def test_a_pod_on_a_node_has_its_grace(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(path, pod("a", nodeName="n1", terminationGracePeriodSeconds=40))
    first = (await kube.delete(f"{path}/a")).meta
    assert first["deletionGracePeriodSeconds"] == 40
    assert first["deletionTimestamp"] > first["creationTimestamp"]
    sooner = (await kube.delete(f"{path}/a", {"gracePeriodSeconds": 5})).meta
    assert sooner["deletionGracePeriodSeconds"] == 5
    later = (await kube.delete(f"{path}/a", {"gracePeriodSeconds": 60})).meta
    assert later["deletionGracePeriodSeconds"] == 5
    await kube.delete(f"{path}/a", {"gracePeriodSeconds": 0})
    assert (await kube.get(f"{path}/a")).status == 404


async def test_a_pod_that_has_ended_goes_at_once(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(path, pod("a", nodeName="n1"))
    await kube.patch(f"{path}/a/status", {"status": {"phase": "Succeeded"}})
    await kube.delete(f"{path}/a")
    assert (await kube.get(f"{path}/a")).status == 404


async def test_a_collection_goes_by_its_selector(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "1"}), ("c", {})):
        await kube.made(path, config_map(name, labels=labels))
    await kube.delete(path, labelSelector="x=1")
    assert [name for name in (await kube.get(path)).names if name in "abc"] == ["c"]


async def test_a_namespace_takes_everything_with_it(kube: Kube) -> None:
    name = unique("doomed")
    await kube.made("/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}/configmaps"
    await kube.made(path, config_map("a", finalizers=["example.test/x"]))
    answer = await kube.delete(f"/api/v1/namespaces/{name}")
    assert answer.body["status"]["phase"] == "Terminating"
    refused = await kube.post(path, config_map("b"))
    assert (refused.status, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    await kube.patch(f"{path}/a", {"metadata": {"finalizers": None}})
    await kube.until_gone(f"/api/v1/namespaces/{name}")
