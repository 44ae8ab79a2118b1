"""How many write transactions and WAL bytes does a job cost? (read from the WAL: no busy machine changes them)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import pytest

from regen_core.manifest import OutputRow
from regen_core.states import Complete, Start
from regen_runner.database import RunnerDatabase
from tests.integration.database.jobs import claim, complete, events, insert, running, start, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]
Cost: TypeAlias = "Callable[[Callable[[], Any]], tuple[int, int]]"
JOBS = 50
WAL_BUDGET = {"claim": 1100, "start": 850, "complete": 1600}
"""Bytes for each job, some fifth above what was measured."""
COST = """
    WITH tables AS (
        SELECT format('/%%s/(%%s) ', d.oid, string_agg(pg_relation_filenode(c.oid)::text, '|')) AS pattern
        FROM pg_database d, pg_class c
        WHERE d.datname = current_database() AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY d.oid
    ), ours AS (
        SELECT * FROM pg_get_wal_records_info(%s, %s) WHERE xid IN (
            SELECT r.xid FROM pg_get_wal_records_info(%s, %s) r, tables t WHERE r.block_ref ~ t.pattern AND r.xid <> '0')
    )
    SELECT count(*) FILTER (WHERE resource_manager = 'Transaction' AND record_type = 'COMMIT'),
           coalesce(sum(record_length - fpi_length), 0)
    FROM ours
"""


@pytest.fixture
def waiting(superuser: Connection) -> list[str]:
    return [insert(superuser, f"j{number:02}") for number in range(JOBS)]


@pytest.fixture
def cost(superuser: Connection) -> Callable[[Callable[[], Any]], tuple[int, int]]:
    """Measures a piece of work: its write transactions, and the WAL bytes of their records.

    Read from the WAL itself: whatever else the server writes meanwhile, autovacuum's statistics of this database among it, has
    transaction ids of its own, which change none of our tables. Full-page images, which depend on when the last checkpoint
    was, are not counted.
    """
    superuser.execute("CREATE EXTENSION pg_walinspect")
    superuser.execute("SET synchronous_commit = on")

    def measured(work: Callable[[], Any]) -> tuple[int, int]:
        begin = _position(superuser)
        work()
        end = _position(superuser)
        # A commit of ours is waited for, and everything before it is then on the disk, where it can be read.
        superuser.execute("SELECT pg_logical_emit_message(true, 'regen', '')")
        row = superuser.execute(COST, (begin, end, begin, end)).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    return measured


def _position(connection: Connection) -> str:
    row = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
    assert row is not None
    return str(row[0])


def test_a_batch_is_claimed_in_one_transaction(superuser: Connection, waiting: list[str], cost: Cost) -> None:
    transactions, wal = cost(lambda: claim(superuser, JOBS))
    assert transactions == 1
    assert 0 < wal / JOBS <= WAL_BUDGET["claim"]
    assert {status(superuser, one) for one in waiting} == {"RUNNING"}


def test_a_pod_writes_twice(superuser: Connection, waiting: list[str], database: Database, cost: Cost) -> None:
    claim(superuser, JOBS)
    runner = RunnerDatabase(database.runner_url, "test")
    row = OutputRow("a", "s3://b/document/j00/a", "0" * 64, 1, "text/plain")

    def pod() -> None:
        assert runner.start(Start("j00", "uid", "pod", "n" * 64)).outcome == "started"
        assert runner.complete(Complete("j00", "n" * 64, "s3://b/document/j00/manifest.json", (row,))) == "completed"

    assert cost(pod)[0] == 2
    assert events(superuser, "j00") == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]


def test_a_claim_that_finds_nothing_writes_nothing(superuser: Connection, cost: Cost) -> None:
    running(superuser, "j")

    def look() -> None:
        assert claim(superuser, JOBS) == []

    assert cost(look) == (0, 0)


@pytest.mark.parametrize("step", ["start", "complete"])
def test_the_wal_of_a_pods_call_stays_within_its_budget(
    superuser: Connection, waiting: list[str], cost: Cost, step: str
) -> None:
    claim(superuser, JOBS)
    if step == "complete":
        assert {start(superuser, one) for one in waiting} == {"started"}

    def work() -> None:
        for one in waiting:
            if step == "start":
                assert start(superuser, one) == "started"
            else:
                assert complete(superuser, one) == "completed"

    transactions, wal = cost(work)
    assert transactions == JOBS
    assert 0 < wal / JOBS <= WAL_BUDGET[step]
