"""Is an audit event that is missing since before this leader still written (rule R10)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from regen_core.errors import DatabaseUnavailable, RegenError
from regen_operator.recover.reconciler import Reconciler
from regen_operator.recover.sweep import ABSENCE_SECONDS, Sweep
from regen_operator.rows.database import Database as OperatorDatabase
from regen_operator.rows.database import StatementTimedOut
from regen_operator.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from regen_operator.kube.client import KubeClient
    from regen_operator.launch.classes import Classes
    from regen_operator.settings import Settings
    from tests.database_fixtures import Database
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

ERROR = {"classification": "lost", "retryable": True, "message": "a test says so", "detail": {}}


async def test_a_new_leader_repairs_events_from_before_its_first_resync(
    world: World, database: Database, running: Running
) -> None:
    """The window of a resync of 1 ms is over long before the operator has started."""
    job_id = await world.insert("document")
    with database.connect() as connection:
        connection.execute("SET session_replication_role = replica")  # the audit's ordinary triggers are silent
        connection.execute("SELECT * FROM regen_claim_v1(1, 100, '{}', NULL, %s)", (["document"],))
        fail = Jsonb([{"id": job_id, "error": ERROR, "condition": "no_fence"}])
        connection.execute("SELECT * FROM regen_fail_v1(%s)", (fail,))

    async def events() -> list[str]:
        rows = await world.query('SELECT event FROM "AuditEvent" WHERE "jobId" = %s ORDER BY id', job_id)
        return [row["event"] for row in rows]

    assert await events() == []
    async with running(resync_seconds=0.001):

        async def whole() -> bool:
            return await events() == ["REGEN_JOB_LOCKED", "REGEN_JOB_FAILED"]

        await world.until("the trail is whole", whole)


@pytest.fixture
def sweep(db: OperatorDatabase, kube: KubeClient, classes: Classes, settings: Settings, mocker: MockerFixture) -> Sweep:
    return Sweep(db, kube, mocker.create_autospec(Reconciler, instance=True), classes, settings, metrics=Metrics([]))


async def looks_back(sweep: Sweep, db: OperatorDatabase, mocker: MockerFixture, *answers: Exception | None) -> list[float]:
    """How far back each of as many looks reached, in seconds, of which each is answered so."""
    repair = mocker.patch.object(db, "repair_audit", side_effect=[[] if answer is None else answer for answer in answers])
    for _ in answers:
        await sweep.resync()
    return [call.kwargs["seconds"] for call in repair.call_args_list]


async def test_a_repair_that_times_out_searches_a_shorter_interval_and_then_a_longer_one(
    sweep: Sweep, db: OperatorDatabase, settings: Settings, mocker: MockerFixture
) -> None:
    """A week with millions of jobs must not keep the last minutes from being repaired, nor be forgotten for them."""
    asked = await looks_back(sweep, db, mocker, StatementTimedOut("slow"), None, None, None, None, None)
    margin = settings.resync_seconds * 10
    parts = [1, 1 / 8, 1 / 4, 1 / 2, 1]
    assert asked[:5] == [ABSENCE_SECONDS * part + margin for part in parts]
    assert margin <= asked[5] < margin + 60, "all was repaired, so the next look reaches back to that"


async def test_the_interval_of_a_repair_has_a_minimum_from_which_it_grows(
    sweep: Sweep, db: OperatorDatabase, settings: Settings, mocker: MockerFixture
) -> None:
    """A database that was too slow for hours must not keep the week from being looked at for days."""
    asked = await looks_back(sweep, db, mocker, *[StatementTimedOut("slow")] * 400, None, None)
    margin = settings.resync_seconds * 10
    assert asked[400:] == [2 * margin, 3 * margin]


async def test_a_temporary_failure_does_not_shorten_the_interval(
    sweep: Sweep, db: OperatorDatabase, settings: Settings, mocker: MockerFixture
) -> None:
    trouble = [DatabaseUnavailable("database: repair failed: lock timeout"), RegenError("a grant is missing")]
    asked = await looks_back(sweep, db, mocker, *trouble, None)
    assert asked == [ABSENCE_SECONDS + settings.resync_seconds * 10] * 3


@pytest.mark.parametrize(
    ("option", "too_long"),
    [("lock_timeout=100", False), ("statement_timeout=100", True), ("jit=off", True)],
    ids=["lock", "statement", "a URL whose options have no deadline"],
)
async def test_a_statement_timeout_and_a_lock_timeout_are_different_errors(
    database: Database,
    option: str,
    too_long: bool,  # noqa: FBT001 - a table
) -> None:
    url = make_conninfo(database.operator_url, options=f"-c {option}")
    opened = OperatorDatabase(url, pool_size=2, timeout_seconds=2.0)
    await opened.open()
    try:
        with database.connect() as connection, connection.transaction():
            connection.execute('LOCK TABLE "RegenerationJob" IN ACCESS EXCLUSIVE MODE')
            with pytest.raises(DatabaseUnavailable) as caught:
                await opened.running()
        assert isinstance(caught.value, StatementTimedOut) is too_long
    finally:
        await opened.close()


async def test_no_free_connection_is_no_statement_that_takes_too_long(
    database: Database, settings: Settings, mocker: MockerFixture
) -> None:
    opened = OperatorDatabase(settings.database_url, pool_size=1, timeout_seconds=1.0)
    await opened.open()
    try:
        async with opened._pool.connection():
            with pytest.raises(DatabaseUnavailable) as caught:
                await opened.running()
        assert type(caught.value) is DatabaseUnavailable
    finally:
        await opened.close()
