"""Does a pod's end that only a real node can bring about end the job as the contract says?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regen_core.names import CONTAINER_EXECUTE, job_name
from tests.e2e.world import JOBS, PODS

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("e2e"),
    pytest.mark.cluster,
]

STARTED_ONCE = ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_FAILED"]


async def failed(world: World, job_id: str) -> tuple[str, bool]:
    row = await world.ended(job_id)
    assert row["status"] == "FAILED"
    assert await world.events(job_id) == STARTED_ONCE
    assert await world.outputs(job_id) == []
    return row["errorJson"]["classification"], row["errorJson"]["retryable"]


async def executing(world: World, job_id: str) -> dict[str, Any]:
    """The fence, once the executor's container runs."""
    fence = await world.started(job_id)

    async def running() -> bool:
        pod = await world.kube.find(PODS, world.runs, fence["podName"])
        states = (pod or {}).get("status", {}).get("initContainerStatuses", ())
        return any(state["name"] == CONTAINER_EXECUTE and "running" in state["state"] for state in states)

    await world.until(f"{job_id} executes", running)
    return fence


async def test_a_container_out_of_memory_is_a_matter_of_resources(world: World) -> None:
    job_id = await world.insert("probe_memory", {"bytes": 900 << 20})
    assert await failed(world, job_id) == ("resources", False)


async def test_a_drained_pod_is_lost(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    fence = await executing(world, job_id)
    await world.kube.evict(world.runs, fence["podName"])
    assert await failed(world, job_id) == ("lost", True)


async def test_a_pod_deleted_by_a_person_is_lost(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    fence = await executing(world, job_id)
    await world.kube.delete(PODS, world.runs, fence["podName"])
    assert await failed(world, job_id) == ("lost", True)


async def test_a_second_pod_of_the_job_controllers_own_runs_nothing(world: World) -> None:
    """As after a partition: the first pod is gone from the API without having been seen to end, and the Job makes another."""
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    fence = await executing(world, job_id)
    await world.kube.patch(PODS, world.runs, fence["podName"], {"metadata": {"finalizers": None}})
    await world.kube.delete(PODS, world.runs, fence["podName"], gracePeriodSeconds=0)
    assert await failed(world, job_id) == ("lost", True)
    fences = await world.query('SELECT * FROM "RegenerationRun" WHERE "jobId" = %s', job_id)
    assert fences == [fence]


async def test_a_job_without_pods_for_a_while_is_not_run_again(world: World) -> None:
    """Parallelism patched to nothing and back: the Job controller deletes the pod and makes a second one."""
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    fence = await executing(world, job_id)
    for parallelism in (0, 1):
        await world.kube.patch(JOBS, world.runs, job_name(job_id), {"spec": {"parallelism": parallelism}})
    assert (await failed(world, job_id))[0] in {"lost", "cancelled"}
    fences = await world.query('SELECT * FROM "RegenerationRun" WHERE "jobId" = %s', job_id)
    assert fences == [fence]
