"""Does every state of design's table "what recovers what" end as that table says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from regen_core.names import job_name
from tests.e2e.world import JOBS, PODS

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]


async def claim(world: World, kind: str) -> None:
    """What an operator does before it dies: the claim, and nothing else."""
    async with await psycopg.AsyncConnection.connect(world.stack.database_url("operator"), connect_timeout=10) as connection:
        cursor = await connection.execute("SELECT id FROM regen_claim_v1(1, 100, '{}', NULL, %s)", ([kind],))
        assert len(await cursor.fetchall()) == 1


async def test_no_fence_and_no_job_is_launched_again(quiet_world: World) -> None:
    job_id = await quiet_world.insert("probe_noop", {})
    await claim(quiet_world, "probe_noop")
    await quiet_world.ensure_operators(1)
    assert (await quiet_world.ended(job_id))["status"] == "COMPLETED"


async def test_no_fence_and_a_job_that_cannot_start_is_lost_at_the_pending_deadline(quiet_world: World) -> None:
    job_id = await quiet_world.insert("probe_noop", {})
    await quiet_world.stack.start_operator("operator-1", REGEN_PENDING_DEADLINE_SECONDS="5")
    row = await quiet_world.ended(job_id)
    assert row["status"] == "COMPLETED"
    classes = quiet_world.stack.folder / "classes.yaml"
    text = classes.read_text()
    await quiet_world.stop_operators()
    classes.write_text(text.replace(quiet_world.stack.config.test_image, "localhost/regen-nowhere:dev"))
    try:
        await quiet_world.stack.start_operator("operator-1", REGEN_PENDING_DEADLINE_SECONDS="5")
        row = await quiet_world.ended(stuck := await quiet_world.insert("probe_noop", {}))
    finally:
        classes.write_text(text)
        await quiet_world.stop_operators()
    assert (row["errorJson"]["classification"], row["errorJson"]["retryable"]) == ("lost", True)
    assert await quiet_world.events(stuck) == ["REGEN_JOB_LOCKED", "REGEN_JOB_FAILED"]


async def test_a_job_deleted_by_a_person_is_cancelled(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    await world.started(job_id)
    await world.kube.delete(JOBS, world.runs, job_name(job_id))
    row = await world.ended(job_id)
    assert row["errorJson"]["classification"] == "cancelled"
    assert await world.outputs(job_id) == []


async def test_a_fenced_pod_that_vanishes_is_lost_and_never_launched_again(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    fence = await world.started(job_id)
    await world.kube.delete(PODS, world.runs, fence["podName"], gracePeriodSeconds=0)
    row = await world.ended(job_id)
    assert row["errorJson"]["classification"] == "lost"
    assert await world.events(job_id) == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_FAILED"]


async def test_a_terminal_row_with_an_active_job_gets_its_job_deleted(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 4})
    await world.started(job_id)
    await world.query(
        "SELECT * FROM regen_fail_v1(jsonb_build_array(jsonb_build_object('id', %s::text, 'condition', 'any', 'error',"
        " jsonb_build_object('classification', 'lost', 'retryable', true, 'message', 'a test says so',"
        " 'detail', '{}'::jsonb))))",
        job_id,
    )

    async def gone() -> bool:
        job = await world.job(job_id)
        return job is None or not job.get("status", {}).get("active")

    await world.until("the Job ends", gone)
    row = await world.row(job_id)
    assert row["errorJson"]["message"] == "a test says so"
    assert await world.outputs(job_id) == []


async def test_a_foreign_job_of_that_name_is_refused_loudly(quiet_world: World) -> None:
    job_id = await quiet_world.insert("probe_noop", {})
    restricted = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    tight = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    image = quiet_world.stack.config.runner_image
    container = {"name": "c", "image": image, "command": ["regen-runner", "--help"], "securityContext": tight}
    foreign = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(job_id), "namespace": quiet_world.runs},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "securityContext": restricted, "containers": [container]}}},
    }
    await quiet_world.kube.create(JOBS, quiet_world.runs, foreign)
    await quiet_world.ensure_operators(1)
    row = await quiet_world.ended(job_id)
    assert row["errorJson"]["classification"] == "internal"
    assert await quiet_world.job(job_id) is not None, "a foreign Job was deleted"
