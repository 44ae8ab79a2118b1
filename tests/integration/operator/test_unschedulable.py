"""Do jobs of a type wait in the queue while a pod of that type is unschedulable, and only those?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from regen_core.names import job_name
from tests.integration.operator.world import PODS

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient cpu"}


async def test_a_type_with_an_unschedulable_pod_is_not_claimed_until_it_starts(world: World, running: Running) -> None:
    async with running(waiting_status_delay_seconds=1.0):
        first = await world.insert("document")
        await world.until("the Job is made", lambda: world.job(first))
        pod = world.make_pod(first, phase="Pending")
        name = pod["metadata"]["name"]
        pod = world.api.store.update(
            PODS,
            "regen-runs",
            name,
            {**pod, "status": {"phase": "Pending", "conditions": [UNSCHEDULABLE]}},
            subresource="status",
        )
        await world.until("the custom resource says so", lambda: world.status(job_name(first)).get("reason") == "Unschedulable")
        later, other = await world.insert("document"), await world.insert("export")
        await world.until_status(other, "RUNNING")
        await world.until("the queue says why", lambda: world.status(job_name(later)).get("reason") == "Unschedulable")
        assert "Insufficient cpu" in world.status(job_name(later))["message"]
        assert (await world.row(later))["status"] == "PENDING"
        world.api.store.update(PODS, "regen-runs", name, {**pod, "status": {"phase": "Running"}}, subresource="status")
        await world.until_status(later, "RUNNING")


async def test_a_type_whose_pods_the_quota_refuses_is_not_claimed_and_none_of_its_jobs_fails(
    world: World, running: Running
) -> None:
    async with running(pending_deadline_seconds=5, waiting_status_delay_seconds=0.2):
        first = await world.insert("document")
        job = await world.until("its Job is created", lambda: world.job(first))
        refuse_pod(world, job)
        await world.until("it says so", lambda: world.status(job_name(first)).get("reason") == "PodRefused", seconds=30)
        later = await world.insert("document")
        await world.until("the queue says why", lambda: "quota" in world.status(job_name(later)).get("message", ""))
        assert (await world.row(later))["status"] == "PENDING"
        assert (await world.row(first))["status"] == "RUNNING", "the pending deadline is over"
        pod = world.make_pod(first)
        await world.start(first, pod["metadata"]["uid"], pod["metadata"]["name"])
        await world.until_status(later, "RUNNING")


def refuse_pod(world: World, job: dict[str, Any]) -> None:
    """The Job controller's event of a pod that a full quota refuses."""
    metadata = job["metadata"]
    owner = {"kind": "Job", "namespace": "regen-runs", "name": metadata["name"], "uid": metadata["uid"]}
    event = {
        "metadata": {"name": f"{metadata['name']}.quota"},
        "involvedObject": owner,
        "type": "Warning",
        "reason": "FailedCreate",
        "message": 'Error creating: pods "x" is forbidden: exceeded quota: runs, requested: pods=1, used: pods=2',
    }
    world.api.store.create("events", "regen-runs", event)


async def test_a_type_whose_starts_fail_for_a_shared_reason_is_no_longer_claimed(world: World, running: Running) -> None:
    async with running(waiting_status_delay_seconds=0.2):
        for _ in range(3):
            job_id = await world.insert("document")
            await world.until("its Job is created", partial(world.job, job_id))
            fail_start(world, job_id)
            row = await world.until_status(job_id, "FAILED")
            assert "password authentication failed" in row["errorJson"]["message"]
        events = {event["message"] for event in world.api.store.list("events", "regen")}
        assert all("password authentication failed" in message for message in events)
        later, other = await world.insert("document"), await world.insert("export")
        await world.until_status(other, "RUNNING")
        await world.until("the queue says why", lambda: world.status(job_name(later)).get("reason") == "Unschedulable")
        assert "password authentication failed" in world.status(job_name(later))["message"]
        assert (await world.row(later))["status"] == "PENDING"


def fail_start(world: World, job_id: str) -> None:
    """A pod whose prepare gave up before it took the fence."""
    pod = world.make_pod(job_id, phase="Failed")
    message = "cannot connect to PostgreSQL: password authentication failed"
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": message}}
    status = {"phase": "Failed", "initContainerStatuses": [{"name": "prepare", "state": ended}]}
    world.api.store.update(PODS, "regen-runs", pod["metadata"]["name"], {**pod, "status": status}, subresource="status")
    world.set_job_status(job_id, "Failed", "BackoffLimitExceeded")
