"""Does the claim take the right jobs, once, and never more than a cap allows?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.integration.database.jobs import claim, complete, events, fail, insert, running, start, status

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]


def test_claims_by_priority_then_age_then_id(superuser: Connection, operator: Connection) -> None:
    insert(superuser, "old")
    insert(superuser, "urgent", priority=5)
    superuser.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson", "createdAt")
           SELECT id, '{"type": "document", "version": 1, "inputs": {}}', '2020-01-01' FROM unnest(ARRAY['b', 'a']) id"""
    )
    assert [row[0] for row in claim(operator)] == ["urgent", "a", "b", "old"]


def test_returns_the_row_without_its_instruction(superuser: Connection, operator: Connection) -> None:
    superuser.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson", priority, "requestedBy", "retryOf", "idempotencyKey")
           VALUES ('j', '{"type": "export", "version": 1, "inputs": {"a": 1}}', 3, 'me', 'old', 'key')"""
    )
    row = operator.execute("SELECT * FROM regen_claim_v1(1, NULL, NULL, NULL, '{export}')").fetchone()
    assert row is not None
    created, locked = row[7], row[8]
    expected = ("j", "export", 3, "me", "old", "key", None)  # the instruction stays in the database
    assert row[:7] == expected
    assert row[9:] == ("RUNNING", None)
    assert operator.execute('SELECT "createdAt", "lockedAt" FROM "RegenerationJob"').fetchone() == (created, locked)


def test_takes_no_more_than_the_batch(superuser: Connection, operator: Connection) -> None:
    for number in range(5):
        insert(superuser, f"j{number}")
    assert len(claim(operator, 2)) == 2
    assert len(claim(operator, 2, types={"document": 4})) == 2
    assert len(claim(operator, 2)) == 1


def test_skips_jobs_that_ended_or_run(superuser: Connection, operator: Connection, runner: Connection) -> None:
    running(superuser, "completed")
    start(runner, "completed")
    complete(runner, "completed")
    running(superuser, "failed")
    fail(superuser, {"id": "failed"})
    running(superuser, "running")
    assert claim(operator) == []
    assert claim(operator, types={"document": 9}, requester=9) == []
    assert [status(superuser, job_id) for job_id in ("completed", "failed", "running")] == ["COMPLETED", "FAILED", "RUNNING"]


def test_two_claimers_at_once_never_claim_the_same_job(database: Database, superuser: Connection) -> None:
    for number in range(60):
        insert(superuser, f"j{number}")
    barrier = threading.Barrier(2, timeout=30)

    def claimer() -> list[str]:
        taken = []
        with database.connect(database.operator_url) as connection:
            barrier.wait()
            while len(rows := claim(connection, 1)) or _pending(connection):
                taken += [row[0] for row in rows]
        return taken

    with ThreadPoolExecutor(2) as pool:
        first, second = (future.result(timeout=60) for future in [pool.submit(claimer) for _ in range(2)])
    assert sorted(first + second) == sorted(f"j{number}" for number in range(60))
    assert all(events(superuser, job_id) == ["REGEN_JOB_LOCKED"] for job_id in first + second)


def _pending(connection: Connection) -> bool:
    return connection.execute("""SELECT FROM "RegenerationJob" WHERE status = 'PENDING' LIMIT 1""").fetchone() is not None


def test_answers_nothing_while_another_claimer_is_at_work(database: Database, superuser: Connection) -> None:
    insert(superuser, "a")
    insert(superuser, "b")
    with psycopg.connect(database.operator_url) as first, database.connect(database.operator_url) as second:
        assert claim(first, 1) == [("a", "RUNNING")]
        assert claim(second, 1) == []
        first.commit()
        assert claim(second, 1) == [("b", "RUNNING")]


def test_passes_over_a_row_that_someone_has_locked(database: Database, superuser: Connection, operator: Connection) -> None:
    insert(superuser, "locked", priority=9)
    insert(superuser, "free")
    with psycopg.connect(database.url) as other:
        other.execute("""SELECT FROM "RegenerationJob" WHERE id = 'locked' FOR UPDATE""")
        assert claim(operator) == [("free", "RUNNING")]
        assert claim(operator, types={"document": 5}) == []
    assert claim(operator, types={"document": 5}) == [("locked", "RUNNING")]


def test_refuses_a_snapshot_that_may_be_stale(database: Database) -> None:
    with psycopg.connect(database.operator_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.Error, match="expected isolation level read committed") as raised:
            claim(connection)
    assert raised.value.sqlstate == "RG006"


@pytest.mark.parametrize("arguments", ["0, NULL, NULL, NULL, '{a}'", "1, NULL, NULL, NULL, NULL", "1, NULL, '[]', NULL, '{a}'"])
def test_refuses_malformed_arguments(operator: Connection, arguments: str) -> None:
    with pytest.raises(psycopg.Error, match="regen_claim_v1: expected") as raised:
        operator.execute(f"SELECT * FROM regen_claim_v1({arguments})")
    assert raised.value.sqlstate == "RG005"
