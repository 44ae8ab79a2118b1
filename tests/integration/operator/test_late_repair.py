"""Does an audit event that is missing since before anybody led still get written (rule R10)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from regen_core.errors import DatabaseUnavailable
from regen_operator.metrics import Metrics
from regen_operator.reconciler import Reconciler
from regen_operator.sweep import ABSENCE_SECONDS, Sweep

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from regen_operator.classes import Classes
    from regen_operator.database import Database as OperatorDatabase
    from regen_operator.kube import KubeClient
    from regen_operator.settings import Settings
    from tests.database_fixtures import Database
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

ERROR = {"classification": "lost", "retryable": True, "message": "a test says so", "detail": {}}


async def test_a_new_leader_looks_back_further_than_its_resync(world: World, database: Database, running: Running) -> None:
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


async def test_a_look_back_that_takes_too_long_is_made_shorter(
    db: OperatorDatabase, kube: KubeClient, classes: Classes, settings: Settings, mocker: MockerFixture
) -> None:
    """A week with millions of jobs must not keep the last minutes from being repaired."""
    asked: list[float] = []

    async def repair_audit(*, limit: int, seconds: float) -> list[tuple[str, str]]:
        asked.append(seconds)
        if seconds > 86_400:
            raise DatabaseUnavailable("database: repair was not answered (QueryCanceled)")
        return []

    mocker.patch.object(db, "repair_audit", side_effect=repair_audit)
    sweep = Sweep(db, kube, mocker.create_autospec(Reconciler, instance=True), classes, settings, metrics=Metrics([]))
    for _ in range(3):
        await sweep.resync()
    margin = settings.resync_seconds * 10
    assert asked[:2] == [ABSENCE_SECONDS + margin, ABSENCE_SECONDS / 8 + margin]
    assert margin <= asked[2] < margin + 60
