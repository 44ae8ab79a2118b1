"""Are the custom resources a bounded function of the rows, whatever becomes of them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.types.json import Jsonb

from regen_core.errors import RegenError
from regen_core.names import job_name
from regen_core.states import Caps, Claim
from regen_operator.mirror.cache import MirrorCache
from regen_operator.mirror.ingest import Ingester
from regen_operator.mirror.mirror import Mirror
from regen_operator.rows.values import RepairedEvent
from regen_operator.telemetry.metrics import Metrics
from regen_operator.telemetry.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mock import MockerFixture

    from regen_operator.kube.client import KubeClient
    from regen_operator.rows.database import Database
    from regen_operator.settings import Settings
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

CLAIM = Claim(5, Caps(total=5), frozenset({"document"}))


@pytest.fixture
def make_mirror(db: Database, kube: KubeClient, settings: Settings) -> Callable[..., Mirror]:
    def make(**more: object) -> Mirror:
        changed = settings.model_copy(update=more)
        cache = MirrorCache("regen")
        ingester = Ingester(db, kube, cache, cluster="default", namespaces=changed.ingest_namespaces)
        return Mirror(
            db,
            kube,
            cache=cache,
            ingester=ingester,
            settings=changed,
            waiting=lambda _: None,
            blocked_types=dict,
            metrics=Metrics([]),
            transitions=Transitions(0),
        )

    return make


async def fresh_pass(mirror: Mirror) -> None:
    await mirror.list_all()
    await mirror.run_pass()


def names(world: World) -> list[str]:
    return sorted(body["metadata"]["name"] for body in world.customs())


async def test_the_mirror_is_bounded_and_shows_every_claimed_row(
    db: Database, world: World, make_mirror: Callable[..., Mirror]
) -> None:
    ids = [await world.insert(job_id=f"{number:03}") for number in range(40)]
    mirror = make_mirror(mirror_window=10)
    await fresh_pass(mirror)
    assert names(world) == [job_name(job_id) for job_id in ids[:10]]
    await db.claim(CLAIM)
    await fresh_pass(mirror)
    assert names(world) == [job_name(job_id) for job_id in ids[:15]], "five that run, the ten next in the queue"


async def test_a_pending_row_keeps_the_custom_resource_it_has(world: World, make_mirror: Callable[..., Mirror]) -> None:
    old = await world.insert(job_id="old")
    mirror = make_mirror(mirror_window=1)
    await fresh_pass(mirror)
    await world.insert(job_id="urgent", priority=9)
    await fresh_pass(mirror)
    assert names(world) == sorted([job_name(old), job_name("urgent")])


async def test_a_deleted_custom_resource_is_recreated_and_its_row_is_untouched(
    world: World, make_mirror: Callable[..., Mirror]
) -> None:
    job_id = await world.insert()
    mirror = make_mirror()
    await fresh_pass(mirror)
    before = await world.row(job_id)
    world.api.store.delete("regenerationjobs.regeneration.dev", "regen", job_name(job_id))
    await fresh_pass(mirror)
    assert names(world) == [job_name(job_id)]
    assert await world.row(job_id) == before


async def test_finished_ones_go_after_their_time_and_only_the_newest_stay(
    db: Database, world: World, make_mirror: Callable[..., Mirror]
) -> None:
    ids = [await world.insert(job_id=f"{number}") for number in range(5)]
    await db.claim(CLAIM)
    for job_id in ids:
        await world.start(job_id, "uid", "pod")
        await world.complete(job_id)
    mirror = make_mirror(cr_keep=3)
    await fresh_pass(mirror)
    assert names(world) == [job_name(job_id) for job_id in ids[2:]]
    assert world.phase(ids[4]) == "COMPLETED"
    late = make_mirror(cr_keep=3, cr_ttl_seconds=0)
    await fresh_pass(late)
    assert names(world) == []


async def test_nothing_is_pruned_before_its_last_audit_event_is_written(
    db: Database, world: World, make_mirror: Callable[..., Mirror]
) -> None:
    job_id = await world.insert()
    await world.query("ALTER TABLE \"AuditEvent\" ADD CONSTRAINT full_disk CHECK (event <> 'REGEN_JOB_COMPLETED') NOT VALID")
    await db.claim(CLAIM)
    await world.start(job_id, "uid", "pod")
    await world.complete(job_id)
    mirror = make_mirror()
    await fresh_pass(mirror)
    late = make_mirror(cr_ttl_seconds=0)
    await fresh_pass(late)
    assert names(world) == [job_name(job_id)]
    await world.query('ALTER TABLE "AuditEvent" DROP CONSTRAINT full_disk')
    assert await db.repair_audit(limit=10, seconds=60) == [RepairedEvent(job_id, "REGEN_JOB_COMPLETED")]
    await fresh_pass(late)
    assert names(world) == []


async def test_a_custom_resource_without_a_row_goes(world: World, make_mirror: Callable[..., Mirror]) -> None:
    job_id = await world.insert()
    await fresh_pass(make_mirror())
    orphan = dict(world.custom(job_id) or {})
    labels = {**orphan["metadata"]["labels"], "regeneration.dev/job-id": "ghost"}
    metadata = {"name": "regen-ghost", "labels": labels, "annotations": {"regeneration.dev/job-id": "ghost"}}
    body = {"apiVersion": orphan["apiVersion"], "kind": orphan["kind"], "metadata": metadata, "spec": orphan["spec"]}
    world.api.store.create("regenerationjobs.regeneration.dev", "regen", body)
    await fresh_pass(make_mirror())
    assert names(world) == [job_name(job_id)]


async def test_a_waiting_job_says_why_and_where_it_stands(
    db: Database, world: World, make_mirror: Callable[..., Mirror]
) -> None:
    for _ in range(5):
        await world.insert()
    await db.claim(CLAIM)
    first, second = await world.insert(), await world.insert()
    mirror = make_mirror(waiting_status_delay_seconds=0.0, cap_total=5)
    await fresh_pass(mirror)
    assert world.status(job_name(first))["reason"] == "CapTotal"
    assert world.status(job_name(first))["message"].startswith("5 of 5 jobs are running. Place 1 in the queue at ")
    assert world.status(job_name(second))["message"].startswith("5 of 5 jobs are running. Place 2 in the queue at ")


async def test_a_second_pass_writes_nothing(db: Database, world: World, make_mirror: Callable[..., Mirror]) -> None:
    for _ in range(7):
        await world.insert()
    for row in (await db.claim(CLAIM))[:3]:
        await world.start(row.id, "uid", "pod")
    mirror = make_mirror(running_status_delay_seconds=0.0, waiting_status_delay_seconds=0.0)
    await fresh_pass(mirror)
    before = world.writes()
    await fresh_pass(mirror)
    assert before
    assert world.writes() == before


@pytest.mark.parametrize("inputs", ["9" * 4301, "[" * 5000 + "]" * 5000], ids=["an endless number", "nested too deep"])
async def test_an_instruction_that_cannot_be_read_hides_no_other(
    world: World, make_mirror: Callable[..., Mirror], inputs: str
) -> None:
    """It lies in an adopted row, or in one that an older schema's guard let through."""
    unreadable = Jsonb(f'{{"type": "document", "version": 1, "inputs": {{"a": {inputs}}}}}', dumps=str)
    await world.query('ALTER TABLE "RegenerationJob" DISABLE TRIGGER regen_guard_insert')
    await world.insert(job_id="unreadable", instructionJson=unreadable)
    await world.insert(job_id="readable")
    await fresh_pass(make_mirror())
    assert names(world) == [job_name("readable")]


async def test_an_error_of_any_form_is_read(db: Database, world: World) -> None:
    """A row that was adopted has what its application wrote."""
    error = Jsonb('{"classification": ' + "[" * 5000 + "]" * 5000 + ', "message": "it failed", "retryable": 0}', dumps=str)
    job_id = await world.insert()
    await world.query('ALTER TABLE "RegenerationJob" DISABLE TRIGGER ALL')
    await world.query(
        """UPDATE "RegenerationJob" SET status = 'FAILED', "errorJson" = %s,
               "lockedAt" = (now() AT TIME ZONE 'UTC'), "completedAt" = (now() AT TIME ZONE 'UTC') WHERE id = %s""",
        error,
        job_id,
    )
    found = (await db.mirror(window=1, keep=1, ttl_seconds=60, mirrored=[], shown=[]))[job_id].row.error
    assert found == {"classification": "[" * 64, "message": "it failed", "retryable": False}


@pytest.mark.parametrize("call", ["mirror", "claim", "overdue", "facts"])
async def test_a_failure_of_the_database_delays_work_and_fails_no_job(
    world: World, running: Running, mocker: MockerFixture, call: str
) -> None:
    async with running() as operator:
        real, failures = getattr(operator.database, call), iter([RegenError(f"database: {call} failed")])

        async def fail_once(*given: object, **named: object) -> object:
            for failure in failures:
                raise failure
            return await real(*given, **named)

        patched = mocker.patch.object(operator.database, call, side_effect=fail_once)
        job_id = await world.insert()
        await world.until("its Job is made", lambda: world.job(job_id))
        await world.until("it is shown", lambda: world.custom(job_id))
        await world.until("what failed was asked again", lambda: patched.call_count > 1)
