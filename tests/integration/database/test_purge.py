"""Does the owner's retention routine delete whole jobs that ended long ago, record them, and open no other way to delete?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from regen_schema.migrate import check
from tests.integration.database.jobs import claim, complete, fail, insert, output, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]
TABLES = ("RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent", "PlanGeneration")
DIGEST = "0" * 64


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """Jobs that ended 100 days ago (completed, failed), one of today, one that runs and one that waits; as the owner."""
    with database.connect() as connection:
        for job_id in ("completed", "failed", "young", "running"):
            insert(connection, job_id, key=f"key-{job_id}")
        claim(connection)
        for job_id in ("completed", "young", "running"):
            assert start(connection, job_id) == "started"
        for job_id in ("completed", "young"):
            outputs = [output(ref=f"s3://b/document/{job_id}/a.pdf")]
            ref = f"s3://b/document/{job_id}/manifest.json"
            assert complete(connection, job_id, ref=ref, outputs=outputs) == "completed"
        fail(connection, {"id": "failed"})
        insert(connection, "waiting")
        connection.execute("""INSERT INTO "PlanGeneration" ("jobId", "planId") VALUES ('completed', 'p')""")
        for table in TABLES:
            connection.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL')
        connection.execute(
            """UPDATE "RegenerationJob" SET "lockedAt" = "lockedAt" - interval '100 days',
               "completedAt" = "completedAt" - interval '100 days' WHERE id IN ('completed', 'failed')"""
        )
        for table in TABLES:
            connection.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER ALL')
        for table in TABLES:
            connection.execute(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER regen_guard_forbidden')
        for name in ("regen_guard_insert", "regen_guard_update", "regen_guard_purged"):
            connection.execute(f'ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER {name}')
        assert check(database.url) == []
        connection.execute("SET ROLE regen_owner")
        yield connection


def purge(connection: Connection, *ids: str, days: int = 90, events: int | None = None) -> list[tuple[str, str]]:
    """What ``regen_purge_v1`` answers; the events are counted where the test names no number."""
    counts = {
        job_id: connection.execute('SELECT count(*) FROM "AuditEvent" WHERE "jobId" = %s', (job_id,)).fetchall()[0][0]
        for job_id in ids
    }
    jobs = [{"id": job_id, "sha256": DIGEST, "events": counts[job_id] if events is None else events} for job_id in ids]
    return connection.execute(
        "SELECT id, outcome FROM regen_purge_v1(%s, (now() AT TIME ZONE 'UTC') - make_interval(days => %s))",
        (Jsonb(jobs), days),
    ).fetchall()


def rows(connection: Connection, job_id: str) -> dict[str, int]:
    return {
        table: connection.execute(
            f'SELECT count(*) FROM "{table}" WHERE {"id" if table == "RegenerationJob" else chr(34) + "jobId" + chr(34)} = %s',
            (job_id,),
        ).fetchall()[0][0]
        for table in TABLES
    }


def test_all_rows_of_a_job_leave_together_and_are_recorded(owner: Connection) -> None:
    assert rows(owner, "completed") == dict(zip(TABLES, (1, 1, 1, 3, 1), strict=True))
    [(last,)] = owner.execute(
        """SELECT hash FROM "AuditEvent" WHERE "jobId" = 'completed' ORDER BY id DESC LIMIT 1"""
    ).fetchall()
    assert purge(owner, "completed", "failed") == [("completed", "purged"), ("failed", "purged")]
    for job_id in ("completed", "failed"):
        assert set(rows(owner, job_id).values()) == {0}
    recorded = owner.execute(
        """SELECT "jobId", type, status::text, "idempotencyKey", "outputRef", "exportSha256", "lastHash", "purgedBy",
           "purgedAt" - "completedAt" > interval '90 days' FROM "PurgedJob" ORDER BY 1"""
    ).fetchall()
    ref = "s3://b/document/completed/manifest.json"
    assert recorded[0] == ("completed", "document", "COMPLETED", "key-completed", ref, DIGEST, last, "postgres", True)
    assert recorded[1][:5] == ("failed", "document", "FAILED", "key-failed", None)


@pytest.mark.parametrize("job_id", ["young", "running", "waiting", "nothing"])
def test_any_other_job_stays(owner: Connection, job_id: str) -> None:
    before = rows(owner, job_id)
    assert purge(owner, job_id, "failed") == [(job_id, "refused"), ("failed", "purged")]
    assert rows(owner, job_id) == before


def test_a_job_that_got_another_event_since_it_was_read_stays(owner: Connection) -> None:
    assert purge(owner, "completed", events=2) == [("completed", "refused")]
    assert rows(owner, "completed")["AuditEvent"] == 3


def test_a_repeat_says_so(owner: Connection) -> None:
    purge(owner, "failed")
    assert purge(owner, "failed") == [("failed", "already")]
    assert purge(owner, "completed", "completed") == [("completed", "purged")] * 2


@pytest.mark.parametrize("column", ["id", "idempotencyKey"])
def test_what_was_purged_never_runs_again(owner: Connection, database: Database, column: str) -> None:
    purge(owner, "completed")
    values = {"id": ("completed", "other"), "idempotencyKey": ("other", "key-completed")}[column]
    for url, statement in (
        (database.api_url, """INSERT INTO "RegenerationJob" (id, "instructionJson", "idempotencyKey") VALUES (%s, '{}', %s)"""),
        (database.operator_url, "SELECT * FROM regen_ingest_v1(%s, '{}', 0, 'me', %s, NULL)"),
    ):
        with database.connect(url) as connection, pytest.raises(psycopg.Error, match="which was purged") as refused:
            connection.execute(statement, values)
        assert refused.value.sqlstate == "RG002"
    with database.connect(database.api_url) as connection:
        connection.execute("""INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES ('new', '{}')""")


@pytest.mark.parametrize("table", [*TABLES, "PurgedJob"])
def test_the_routine_opens_no_other_way(owner: Connection, table: str) -> None:
    """Neither afterwards in its transaction, nor with what an earlier one left, nor for the superuser."""
    statement = f'DELETE FROM "{table}"'

    def refused() -> None:
        with pytest.raises(psycopg.Error) as error, owner.transaction():
            owner.execute(statement)
        assert error.value.sqlstate == "RG004"

    with owner.transaction():
        purge(owner, "failed")
        refused()
    owner.execute("SELECT set_config('regen.purge', pg_current_xact_id()::text, false)")
    refused()
    owner.execute("SET regen.purge = ''")
    refused()
    owner.execute("RESET ROLE")
    with owner.transaction():
        owner.execute("SELECT set_config('regen.purge', pg_current_xact_id()::text, true)")
        refused()


@pytest.mark.parametrize("verb", ["TRUNCATE", "UPDATE"])
def test_what_was_purged_stays_recorded(owner: Connection, verb: str) -> None:
    purge(owner, "failed")
    statement = 'TRUNCATE "PurgedJob"' if verb == "TRUNCATE" else """UPDATE "PurgedJob" SET type = 'other'"""
    with pytest.raises(psycopg.Error) as error:
        owner.execute(statement)
    assert error.value.sqlstate == "RG004"


@pytest.mark.parametrize(("days", "jobs"), [(0, "[]"), (90, "{}"), (90, None)])
def test_a_wrong_call_is_refused(owner: Connection, days: int, jobs: str | None) -> None:
    with pytest.raises(psycopg.Error) as error:
        owner.execute("SELECT * FROM regen_purge_v1(%s, (now() AT TIME ZONE 'UTC') - make_interval(days => %s))", (jobs, days))
    assert error.value.sqlstate == "RG005"


def test_the_chains_of_the_others_stay_whole(owner: Connection, database: Database) -> None:
    from regen_verify import check as check_invariants
    from regen_verify.checker import AUDIT_CHECKS
    from regen_verify.gather import jobs_without_row, snapshots

    purge(owner, "completed", "failed")
    with database.connect() as connection:
        read: Any = lambda statement, parameters: connection.execute(statement, parameters).fetchall()  # noqa: E731
        for one in (*snapshots(read), *jobs_without_row(read)):
            assert check_invariants(one, AUDIT_CHECKS) == []
