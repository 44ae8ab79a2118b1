"""Is each deed in the runner namespace left to the one who may do it, and refused to all others, administrators included?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from regen_stack.kube import path_of
from tests.e2e.admission.conftest import LOOSE_GROUP, LOOSE_PATH, enforced
from tests.e2e.admission.test_shape import job, pod

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.admission.conftest import Guarded

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("admission"), pytest.mark.cluster]

POD_SECONDS = 60
MERGE = "merge-patch+json"


def refused(answer: tuple[int, str], message: str) -> None:
    assert answer[0] in {403, 422}, answer
    assert "ValidatingAdmissionPolicy" in answer[1]
    assert message in answer[1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(guarded: Guarded) -> AsyncIterator[dict[str, Any]]:
    """A pod that this cluster's own Job controller made of a Job of ours; no node takes it."""
    made = await guarded.operator.create("jobs", guarded.runs, job(guarded))
    name = made["metadata"]["name"]
    try:
        async with asyncio.timeout(POD_SECONDS):
            labels = f"job-name={name}"
            while not (pods := await guarded.somebody.find_all("pods", guarded.runs, labels)):  # noqa: ASYNC110 - the server's
                await asyncio.sleep(0.2)
        patched = {"spec": {"parallelism": 2}}
        path = path_of("jobs", guarded.runs, name)
        await enforced("changes", lambda: guarded.somebody.try_out("PATCH", path, patched, MERGE))
        yield pods[0]
    finally:
        await guarded.somebody.delete("jobs", guarded.runs, name, propagationPolicy="Foreground")


async def test_the_clusters_own_job_controller_makes_our_pods(running: dict[str, Any]) -> None:
    """Its identity is what the chart's default says; without that no pod would be here."""
    assert running["metadata"]["ownerReferences"][0]["name"] == "regen-admission"


async def test_only_the_operator_makes_jobs(guarded: Guarded) -> None:
    for user in (guarded.somebody, guarded.job_controller):
        refused(await user.try_out("POST", path_of("jobs", guarded.runs), job(guarded)), "creates Jobs")


async def test_only_the_job_controller_makes_pods(guarded: Guarded) -> None:
    for user in (guarded.somebody, guarded.operator):
        refused(await user.try_out("POST", path_of("pods", guarded.runs), pod(job(guarded))), "creates pods")


async def test_other_namespaces_are_left_alone(guarded: Guarded) -> None:
    body = {**job(guarded), "metadata": {"name": "mine", "namespace": guarded.namespace}}
    assert (await guarded.somebody.try_out("POST", path_of("jobs", guarded.namespace), body))[0] == 201


@pytest.mark.parametrize("entry", ["exec", "attach", "portforward", "proxy"])
async def test_nobody_enters_a_pod(guarded: Guarded, running: dict[str, Any], entry: str) -> None:
    for user in (guarded.somebody, guarded.operator, guarded.job_controller):
        refused(await user.try_entry(guarded.runs, running["metadata"]["name"], entry), "cannot be entered or changed")


async def test_nobody_adds_a_container_to_a_pod(guarded: Guarded, running: dict[str, Any]) -> None:
    path = path_of("pods", guarded.runs, running["metadata"]["name"]) + "/ephemeralcontainers"
    debug = {"name": "debug", "image": "busybox", "targetContainerName": "execute"}
    answer = await guarded.somebody.try_out("PATCH", path, {"spec": {"ephemeralContainers": [debug]}}, MERGE)
    refused(answer, "cannot be entered or changed")


async def test_nobody_resizes_a_pod(guarded: Guarded, running: dict[str, Any]) -> None:
    path = path_of("pods", guarded.runs, running["metadata"]["name"]) + "/resize"
    larger = {"name": "publish", "resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "2Gi"}}}
    answer = await guarded.somebody.try_out("PATCH", path, {"spec": {"containers": [larger]}}, "strategic-merge-patch+json")
    refused(answer, "cannot be entered or changed")


@pytest.mark.parametrize("change", [{"spec": {"parallelism": 2}}, {"spec": {"suspend": True}}, {"spec": {"backoffLimit": 5}}])
async def test_nobody_changes_a_job(guarded: Guarded, running: dict[str, Any], change: dict[str, Any]) -> None:
    path = path_of("jobs", guarded.runs, running["metadata"]["ownerReferences"][0]["name"])
    for user in (guarded.somebody, guarded.operator):
        refused(await user.try_out("PATCH", path, change, MERGE), "cannot be changed")


async def test_nobody_takes_a_label_from_a_pod(guarded: Guarded, running: dict[str, Any]) -> None:
    """A pod without our label would leave the egress policy that selects it."""
    path = path_of("pods", guarded.runs, running["metadata"]["name"])
    change = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
    refused(await guarded.somebody.try_out("PATCH", path, change, MERGE), "labels")


async def test_nobody_changes_a_pods_deadline(guarded: Guarded, running: dict[str, Any]) -> None:
    path = path_of("pods", guarded.runs, running["metadata"]["name"])
    refused(await guarded.somebody.try_out("PATCH", path, {"spec": {"activeDeadlineSeconds": 5}}, MERGE), "cannot be changed")


async def test_a_job_may_be_deleted(guarded: Guarded, running: dict[str, Any]) -> None:
    """It is the emergency stop."""
    path = path_of("jobs", guarded.runs, running["metadata"]["ownerReferences"][0]["name"])
    assert (await guarded.somebody.try_out("DELETE", path))[0] == 200


def resource(name: str | None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name} if name else {"generateName": "regen-"}
    return {"apiVersion": f"{LOOSE_GROUP}/v1alpha1", "kind": "RegenerationJob", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("name", ["regen-mine", None])
async def test_only_the_operator_makes_names_that_begin_with_regen(guarded: Guarded, name: str | None) -> None:
    path = f"{LOOSE_PATH}/{guarded.namespace}/regenerationjobs"
    refused(await guarded.somebody.try_out("POST", path, resource(name)), "begin with regen-")
    assert await guarded.operator.try_out("POST", path, resource(name)) == (201, "")
    assert await guarded.somebody.try_out("POST", path, resource("mine")) == (201, "")


async def test_a_nested_key_of_a_resources_spec_never_changes(guarded: Guarded) -> None:
    """On a definition that has no rule of its own, so that the policy is what speaks."""
    path = f"{LOOSE_PATH}/{guarded.namespace}/regenerationjobs"
    given = {"type": "document", "instruction": {"inputs": {"deep": [{"key": 1}]}}}
    made = resource("nested", **given)
    status, answer = await guarded.operator._send("POST", path, made)
    assert status == 201, answer
    change = {"spec": {"instruction": {"inputs": {"deep": [{"key": 2}]}}}}
    for user in (guarded.somebody, guarded.operator):
        refused(await user.try_out("PATCH", f"{path}/nested", change, MERGE), "spec never changes")
    label = {"metadata": {"labels": {"a": "b"}}}
    assert (await guarded.operator.try_out("PATCH", f"{path}/nested", label, MERGE))[0] == 200
