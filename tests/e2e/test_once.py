"""Is a job run once, whoever else tries: two operators, two pods, a launch repeated?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.world import JOBS, PODS

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]


async def test_two_operators_run_every_job_once(world: World) -> None:
    ids = [await world.insert("probe_noop", {}) for _ in range(12)]
    for job_id in ids:
        assert (await world.ended(job_id))["status"] == "COMPLETED"
        assert await world.events(job_id) == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
        assert len(await world.pods(job_id)) == 1


async def test_the_api_refuses_a_second_job_of_the_same_name(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 2})
    await world.started(job_id)
    job = await world.launched(job_id)
    spec = {key: value for key, value in job["spec"].items() if key != "selector"}
    own = job["metadata"]["labels"]
    spec["template"]["metadata"]["labels"] = {name: own[name] for name in own}  # without what the Job controller added
    metadata = {"name": job["metadata"]["name"], "namespace": world.runs}
    again = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
    status, answer = await world.kube.try_create(JOBS, world.runs, again)
    assert (status, answer["reason"]) == (409, "AlreadyExists")
    assert (await world.ended(job_id))["status"] == "COMPLETED"


async def test_a_second_pod_of_a_running_job_waits_and_the_first_completes(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 3})
    fence = await world.started(job_id)
    job = await world.launched(job_id)
    second = f"{job['metadata']['name']}-second"
    await world.kube.create(PODS, world.runs, pod_like_that_of(job, second))
    assert (await world.ended(job_id))["status"] == "COMPLETED"

    async def second_ended() -> dict[str, Any] | None:
        pod = await world.kube.find(PODS, world.runs, second)
        return pod if pod and pod["status"].get("phase") in {"Succeeded", "Failed"} else None

    pod = await world.until("the second pod ends", second_ended)
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 64
    assert "running" not in str(pod["status"]["initContainerStatuses"][1]["state"])
    fences = await world.query('SELECT * FROM "RegenerationRun" WHERE "jobId" = %s', job_id)
    assert fences == [fence]


async def test_an_executors_start_is_counted_once_on_the_node(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    await world.started(job_id)
    job = await world.launched(job_id)
    second = await world.kube.create(PODS, world.runs, pod_like_that_of(job, f"{job['metadata']['name']}-second"))

    async def counts() -> tuple[int, int] | None:
        [first] = await world.pods(job_id)
        if world.starts_on_the_node(first) and await waits(world, second["metadata"]["name"]):
            return world.starts_on_the_node(first), world.starts_on_the_node(second)
        return None

    assert await world.until("the first pod executes and the second waits", counts) == (1, 0)

    async def ended() -> bool:
        assert world.starts_on_the_node(second) == 0
        pod = await world.kube.find(PODS, world.runs, second["metadata"]["name"])
        return pod is not None and pod["status"].get("phase") == "Failed"

    await world.until("the second pod ends", ended)
    assert (await world.ended(job_id))["status"] == "COMPLETED"


async def waits(world: World, name: str) -> bool:
    """Whether a pod's first container runs."""
    pod = await world.kube.find(PODS, world.runs, name)
    states = (pod or {}).get("status", {}).get("initContainerStatuses") or [{"state": {}}]
    return "running" in states[0]["state"]


def pod_like_that_of(job: dict[str, Any], name: str) -> dict[str, Any]:
    """A pod as the Job's own, with another name and without an owner: as after a partition or a stripped finalizer."""
    template = job["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key.startswith("regeneration.dev/")}
    annotations = template["metadata"].get("annotations", {})
    metadata = {"name": name, "namespace": job["metadata"]["namespace"], "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


async def test_a_killed_leader_loses_nothing(world: World) -> None:
    ids = [await world.insert("probe_sleep", {"seconds": 1}) for _ in range(4)]
    await world.started(ids[0])
    leader = world.stack.operators[await world.leader()]
    leader.kill()
    await leader.wait()
    more = await world.insert("probe_noop", {})
    for job_id in [*ids, more]:
        assert (await world.ended(job_id))["status"] == "COMPLETED"
        assert len(await world.pods(job_id)) == 1
