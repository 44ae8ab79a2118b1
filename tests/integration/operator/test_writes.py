"""How many writes does a job cost the API server? Counted by the API, leases aside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from psycopg.types.json import Jsonb

from regen_core.names import job_name

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

PATIENT = {"running_status_delay_seconds": 30.0, "starting_status_delay_seconds": 30.0, "waiting_status_delay_seconds": 30.0}
CUSTOM, JOBS = "regenerationjobs.regeneration.dev", "jobs.batch"
JOBS_RUN = 10


async def _report(world: World, job_id: str, *, fail: bool) -> None:
    """What the pod and then the Job controller say at the end of a run."""
    if fail:
        error = {"classification": "executor", "retryable": False, "message": "no", "detail": {}}
        assert await world.as_runner("regen_fail_run_v1(%s, %s, %s)", job_id, "nonce", Jsonb(error)) == "failed"
    else:
        await world.complete(job_id)
    world.set_job_status(job_id, "Complete", "CompletionsReached")


async def run_jobs(world: World, *, shown_running: bool, fail: bool) -> None:
    ids = [await world.insert() for _ in range(JOBS_RUN)]
    for job_id in ids:
        await world.until("its Job is made", partial(world.job, job_id))
        pod = world.make_pod(job_id)
        await world.start(job_id, pod["metadata"]["uid"], pod["metadata"]["name"])
    for job_id in ids:
        if shown_running:
            await world.until("it is shown running", partial(world.shows, job_id, "RUNNING"))
        await _report(world, job_id, fail=fail)
    await world.until("all are pruned", lambda: not world.customs(), seconds=40)


async def test_a_job_that_is_seen_running_costs_five(world: World, running: Running) -> None:
    async with running(cr_ttl_seconds=2, starting_status_delay_seconds=30.0, waiting_status_delay_seconds=30.0):
        await run_jobs(world, shown_running=True, fail=False)
        assert world.writes() == {
            ("create", CUSTOM): JOBS_RUN,
            ("create", JOBS): JOBS_RUN,
            ("patch", f"{CUSTOM}/status"): 2 * JOBS_RUN,
            ("delete", CUSTOM): JOBS_RUN,
        }


async def test_a_quick_job_costs_four(world: World, running: Running) -> None:
    async with running(cr_ttl_seconds=2, **PATIENT):
        await run_jobs(world, shown_running=False, fail=False)
        assert sum(world.writes().values()) == 4 * JOBS_RUN


async def test_a_job_that_fails_costs_six(world: World, running: Running) -> None:
    async with running(cr_ttl_seconds=2, starting_status_delay_seconds=30.0, waiting_status_delay_seconds=30.0):
        await run_jobs(world, shown_running=True, fail=True)
        assert world.writes()["create", "events"] == JOBS_RUN
        assert sum(world.writes().values()) == 6 * JOBS_RUN


async def wait_in_the_queue(world: World, running: Running) -> str:
    """A job that was told why it waits by an operator that has gone since."""
    async with running(cap_total=0):
        job_id = await world.insert()
        await world.until("it says why it waits", lambda: world.status(job_name(job_id)).get("reason") == "CapTotal")
    return job_id


@pytest.mark.parametrize("fail", [False, True])
async def test_a_job_that_waited_and_is_seen_running_shows_each_state(world: World, running: Running, *, fail: bool) -> None:
    job_id = await wait_in_the_queue(world, running)
    async with running(cr_ttl_seconds=2, running_status_delay_seconds=30.0):
        await world.until("its Job is created", partial(world.job, job_id))
        pod = world.make_pod(job_id)
        await world.start(job_id, pod["metadata"]["uid"], pod["metadata"]["name"])
        await world.until("its pod is shown", lambda: world.status(job_name(job_id)).get("podName"))
        await _report(world, job_id, fail=fail)
        await world.until("it is pruned", lambda: not world.customs(), seconds=40)
    assert world.writes() == {
        ("create", CUSTOM): 1,
        ("create", JOBS): 1,
        ("patch", f"{CUSTOM}/status"): 3,
        ("delete", CUSTOM): 1,
    } | ({("create", "events"): 1} if fail else {})


@pytest.mark.parametrize("waited", [False, True])
async def test_a_job_that_never_starts_shows_each_state_and_has_its_event(
    world: World, running: Running, *, waited: bool
) -> None:
    job_id = await (wait_in_the_queue(world, running) if waited else world.insert())
    async with running(cr_ttl_seconds=2, pending_deadline_seconds=5, starting_status_delay_seconds=0.3):
        await world.until("its start is shown", lambda: world.status(job_name(job_id)).get("reason") == "Starting")
        await world.until_status(job_id, "FAILED")
        await world.until("its Job is deleted", lambda: world.job(job_id) is None)
        await world.until("it is pruned", lambda: not world.customs(), seconds=40)
    assert world.writes() == {
        ("create", CUSTOM): 1,
        ("create", JOBS): 1,
        ("delete", JOBS): 1,
        ("patch", f"{CUSTOM}/status"): 3 if waited else 2,
        ("create", "events"): 1,
        ("delete", CUSTOM): 1,
    }
