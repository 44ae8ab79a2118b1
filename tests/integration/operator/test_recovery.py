"""Does a whole operator put right what it finds, wherever an earlier one died?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from regen_core.names import job_name
from regen_core.states import Caps, Claim
from regen_operator.kube.client import JOBS
from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from regen_operator.launch.classes import Classes
    from regen_operator.rows.database import Database
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

CLAIM = Claim(5, Caps(total=5), frozenset({"document"}))


async def test_a_row_claimed_by_an_operator_that_died_is_launched(db: Database, world: World, running: Running) -> None:
    job_id = await world.insert()
    await db.claim(CLAIM)
    async with running():
        await world.until("its Job is made", lambda: world.job(job_id))
        assert (await world.row(job_id))["status"] == "RUNNING"


async def test_a_fenced_row_whose_pod_and_job_are_gone_is_lost_and_not_launched(
    db: Database, world: World, running: Running
) -> None:
    job_id = await world.insert()
    await db.claim(CLAIM)
    await world.start(job_id, "uid", "pod")
    async with running():
        row = await world.until_status(job_id, "FAILED")
    assert row["errorJson"]["classification"] == "lost"
    assert row["errorJson"]["retryable"] is True
    assert world.job(job_id) is None


async def test_an_active_job_of_a_row_that_ended_is_deleted(
    db: Database, world: World, classes: Classes, running: Running
) -> None:
    job_id = await world.insert()
    await db.claim(CLAIM)
    world.api.store.create(
        "jobs.batch",
        "regen-runs",
        build_job(JobOrder(job_id, "document", "regen-runs", 300), classes, classes.by_type["document"]),
    )
    await world.start(job_id, "uid", "pod")
    await world.complete(job_id)
    async with running():
        await world.until(
            "its Job goes",
            lambda: (world.job(job_id) or {"metadata": {"deletionTimestamp": 1}})["metadata"].get("deletionTimestamp"),
        )
    assert (await world.row(job_id))["status"] == "COMPLETED"


async def test_the_emergency_stop_before_the_fence(world: World, running: Running) -> None:
    job_id = await world.insert()
    async with running() as operator:
        await world.until("its Job is made", lambda: world.job(job_id))
        await world.until("the watch told of it, and will of its end", lambda: operator.watches[JOBS].age() == 0.0)
        world.api.store.delete("jobs.batch", "regen-runs", job_name(job_id))
        row = await world.until_status(job_id, "FAILED")
        assert row["errorJson"]["classification"] == "cancelled"
        assert world.job(job_id) is None, "it is not launched again"


async def test_a_deletion_that_the_watch_reports_late_cancels_the_job(
    world: World, running: Running, mocker: MockerFixture
) -> None:
    """Jobs and pods are two watches: a look may come between a Job's end and the event that tells of it."""
    job_id = await world.insert()
    async with running() as operator:
        real, held = operator.job_event, []

        def hold(job_id: str, body: dict[str, Any], *, deleted: bool) -> None:
            if deleted or "deletionTimestamp" in body["metadata"]:
                held.append(partial(real, job_id, body, deleted=deleted))
            else:
                real(job_id, body, deleted=False)

        mocker.patch.object(operator, "job_event", side_effect=hold)
        await world.until("its Job is made", lambda: world.job(job_id))
        await world.until("the watch told of it, and will of its end", lambda: operator.watches[JOBS].age() == 0.0)
        looks = mocker.spy(operator.reconciler, "round")
        world.api.store.delete("jobs.batch", "regen-runs", job_name(job_id))
        await world.until("its end is known to the watch", lambda: held)
        before = looks.call_count
        operator.reconciler.requeue(job_id)
        await world.until("it was looked at", lambda: looks.call_count > before)
        operator.reconciler.requeue(job_id)
        await world.until("and that look is over", lambda: looks.call_count > before + 1)
        for tell in held:
            tell()
        row = await world.until_status(job_id, "FAILED")
        assert row["errorJson"]["classification"] == "cancelled"
    assert world.writes()["create", "jobs.batch"] == 1


async def test_a_job_that_never_starts_fails_at_its_deadline_and_its_job_goes(world: World, running: Running) -> None:
    job_id = await world.insert()
    async with running(pending_deadline_seconds=1):
        row = await world.until_status(job_id, "FAILED")
        assert row["errorJson"]["classification"] == "lost"
        await world.until(
            "its Job goes",
            lambda: (world.job(job_id) or {"metadata": {"deletionTimestamp": 1}})["metadata"].get("deletionTimestamp"),
        )
        await world.until("its end is shown", lambda: world.phase(job_id) == "FAILED")


async def test_a_job_that_failed_at_its_deadline_is_a_timeout(world: World, running: Running) -> None:
    job_id = await world.insert()
    async with running():
        await world.until("its Job is made", lambda: world.job(job_id))
        pod = world.make_pod(job_id, phase="Failed")
        await world.start(job_id, pod["metadata"]["uid"], pod["metadata"]["name"])
        world.set_job_status(job_id, "FailureTarget", "DeadlineExceeded")
        row = await world.until_status(job_id, "FAILED")
        assert row["errorJson"]["classification"] == "timeout"


async def test_someone_elses_job_of_our_name_fails_the_row_and_stays(world: World, classes: Classes, running: Running) -> None:
    foreign = build_job(JobOrder("theirs", "document", "regen-runs", 300), classes, classes.by_type["document"])
    foreign["metadata"]["name"] = job_name("mine")
    world.api.store.create("jobs.batch", "regen-runs", foreign)
    await world.insert(job_id="mine")
    async with running():
        row = await world.until_status("mine", "FAILED")
    assert row["errorJson"]["classification"] == "internal"
    job = world.job("mine")
    assert job is not None
    assert job["metadata"]["annotations"]["regeneration.dev/job-id"] == "theirs"


async def test_two_operators_run_a_job_once(world: World, running: Running) -> None:
    async with running(identity="one"), running(identity="two"):
        ids = [await world.insert() for _ in range(5)]
        for job_id in ids:
            await world.until("its Job is made", partial(world.job, job_id))
        assert len(world.api.store.list("jobs.batch")) == 5
        assert world.writes()["create", "jobs.batch"] == 5


async def test_an_operator_that_stops_leaves_running_jobs_alone(world: World, running: Running) -> None:
    job_id = await world.insert()
    async with running():
        await world.until("its Job is made", lambda: world.job(job_id))
        pod = world.make_pod(job_id)
        await world.start(job_id, pod["metadata"]["uid"], pod["metadata"]["name"])
        await world.until("it is shown", lambda: world.phase(job_id) == "RUNNING")
    before = (await world.row(job_id), world.job(job_id))
    async with running() as operator:
        await world.until("the new one leads", lambda: operator.lease.held)
        other = await world.insert()
        await world.until("it works", lambda: world.job(other))
    assert (await world.row(job_id), world.job(job_id)) == before
