"""What does the server make of a Job, a pod and a secret?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kubelite_tests.api.kube import job, pod

if TYPE_CHECKING:
    from kubelite_tests.api.kube import Kube


async def test_a_job_gets_a_selector_labels_and_defaults(kube: Kube, namespace: str) -> None:
    bare = job("a", suspend=True)
    del bare["spec"]["parallelism"]
    made = await kube.made(f"/apis/batch/v1/namespaces/{namespace}/jobs", bare)
    spec, uid = made["spec"], made["metadata"]["uid"]
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert spec["template"]["metadata"]["labels"] == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "a",
        "controller-uid": uid,
        "job-name": "a",
    }
    defaults = ("parallelism", "completions", "completionMode", "backoffLimit", "podReplacementPolicy")
    assert [spec[name] for name in defaults] == [1, 1, "NonIndexed", 6, "TerminatingOrFailed"]
    template = spec["template"]["spec"]
    names = ("terminationGracePeriodSeconds", "dnsPolicy", "securityContext", "schedulerName")
    assert [template[name] for name in names] == [30, "ClusterFirst", {}, "default-scheduler"]
    container = template["containers"][0]
    assert (container["imagePullPolicy"], container["terminationMessagePolicy"]) == ("IfNotPresent", "File")


@pytest.mark.parametrize(
    "change",
    [
        {"template": {"spec": {"terminationGracePeriodSeconds": 5}}},
        {"template": {"metadata": {"labels": {"a": "b"}}}},
        {"selector": {"matchLabels": {"a": "b"}}},
        {"completions": 3},
    ],
)
async def test_a_jobs_template_and_selector_are_fixed(kube: Kube, namespace: str, change: dict[str, Any]) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    await kube.made(path, job("a"))
    answer = await kube.patch(f"{path}/a", {"spec": change})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert f"spec.{next(iter(change))}" in answer.causes


async def test_a_job_may_be_sent_again_as_it_was_read(kube: Kube, namespace: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    made = await kube.made(path, job("a"))
    del made["spec"]["template"]["spec"]["dnsPolicy"]  # a default that the writer leaves out
    made["metadata"]["labels"] = {"a": "b"}
    del made["metadata"]["resourceVersion"]  # a real Job controller may have written its status meanwhile
    assert (await kube.put(f"{path}/a", made)).meta["labels"] == {"a": "b"}


async def test_a_job_must_say_whether_its_pod_restarts(kube: Kube, namespace: str) -> None:
    broken = job("a")
    del broken["spec"]["template"]["spec"]["restartPolicy"]
    answer = await kube.post(f"/apis/batch/v1/namespaces/{namespace}/jobs", broken)
    assert answer.status == 422
    assert "spec.template.spec.restartPolicy" in answer.causes


async def test_a_mount_needs_its_volume(kube: Kube, namespace: str) -> None:
    broken = pod("a")
    broken["spec"]["containers"][0]["volumeMounts"] = [{"name": "nothing", "mountPath": "/x"}]
    answer = await kube.post(f"/api/v1/namespaces/{namespace}/pods", broken)
    assert answer.status == 422
    assert "spec.containers[0].volumeMounts[0].name" in answer.causes


async def test_a_misspelt_field_is_refused_where_that_is_asked(kube: Kube, namespace: str) -> None:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    answer = await kube.post(path, job("a", activeDedlineSeconds=5), fieldValidation="Strict")
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert 'unknown field "spec.activeDedlineSeconds"' in answer.message
    assert "activeDedlineSeconds" not in (await kube.made(path, job("b", activeDedlineSeconds=5)))["spec"]


async def test_a_field_of_the_wrong_type_is_a_bad_request(kube: Kube, namespace: str) -> None:
    broken = pod("a")
    broken["spec"]["containers"][0]["env"] = [{"name": "A", "value": 1}]
    answer = await kube.post(f"/api/v1/namespaces/{namespace}/pods", broken)
    assert (answer.status, answer.reason) == (400, "BadRequest")


async def test_a_pod_starts_pending_with_a_service_account(kube: Kube, namespace: str) -> None:
    made = await kube.made(f"/api/v1/namespaces/{namespace}/pods", pod("a") | {"status": {"phase": "Running"}})
    assert (made["status"]["phase"], made["status"]["qosClass"]) == ("Pending", "BestEffort")
    assert made["spec"]["serviceAccountName"] == "default"


async def test_a_pod_without_its_service_account_is_forbidden(kube: Kube, namespace: str) -> None:
    answer = await kube.post(f"/api/v1/namespaces/{namespace}/pods", pod("a", serviceAccountName="nobody"))
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert 'serviceaccount "nobody" not found' in answer.message


async def test_a_pods_spec_is_fixed(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(path, pod("a"))
    answer = await kube.patch(f"{path}/a", {"spec": {"hostname": "other"}})
    assert (answer.status, answer.causes) == (422, {"spec": "FieldValueForbidden"})


async def test_a_secrets_strings_become_data(kube: Kube, namespace: str) -> None:
    made = await kube.made(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "a"}, "stringData": {"url": "x"}})
    assert (made["data"], made["type"], "stringData" in made) == ({"url": "eA=="}, "Opaque", False)


async def test_the_items_of_a_list_do_not_repeat_their_kind(kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    await kube.made(path, pod("a"))
    found = (await kube.get(path)).body
    assert (found["kind"], found["apiVersion"]) == ("PodList", "v1")
    assert not {"kind", "apiVersion"} & set(found["items"][0])
