"""Does an audit event that is missing since before anybody led still get written (rule R10)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
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
