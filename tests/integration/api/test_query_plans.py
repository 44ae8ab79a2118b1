"""Do lists and a plan's jobs come from their indexes, however many rows have ended?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from regen_api.cursor import Cursor
from regen_api.jobs.queries import Filter, page_statement
from regen_api.plans.queries import generations_statement
from regen_core.states import JobStatus

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Select

    Connection = psycopg.Connection[Any]

ROWS = 20_000
CURSOR = Cursor(datetime(2026, 1, 1, 0, 10), "x")  # noqa: DTZ001 - as the database has it


@pytest.fixture
def crowded(superuser: Connection) -> Connection:
    """Rows that only time could bring about, five of them FAILED long ago, each a job of one of 2,000 plans."""
    superuser.execute("SET session_replication_role = replica")
    superuser.execute('ALTER TABLE "RegenerationJob" DISABLE TRIGGER regen_guard_insert')
    superuser.execute(
        """INSERT INTO "RegenerationJob"
               (id, "instructionJson", status, "createdAt", "lockedAt", "completedAt", "outputRef", "errorJson")
           SELECT 'old' || n, '{"type": "document"}',
                  (CASE WHEN n <= 5 THEN 'FAILED' ELSE 'COMPLETED' END)::"RegenerationJobStatus",
                  timestamp '2026-01-01' + n * interval '1 s', now(), now(),
                  CASE WHEN n > 5 THEN 'ref' END, CASE WHEN n <= 5 THEN '{}'::jsonb END
           FROM generate_series(1, %s) n""",
        (ROWS,),
    )
    superuser.execute('ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_insert')
    superuser.execute("RESET session_replication_role")
    superuser.execute(
        """INSERT INTO "PlanGeneration" ("jobId", "planId") SELECT id, 'p' || (row_number() OVER ()) %% 2000
           FROM "RegenerationJob" """,
        (),
    )
    superuser.execute('ANALYZE "RegenerationJob", "PlanGeneration"')
    return superuser


def indexes(connection: Connection, statement: Select[Any]) -> set[str]:
    """The indexes that the statement's plan reads; a sequential scan is in it by its table's name."""
    text = str(statement.compile(dialect=PGDialect_psycopg(), compile_kwargs={"literal_binds": True})).replace("%%", "%")
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchone()
    assert row is not None
    return set(_scans(row[0][0]["Plan"]))


def _scans(node: dict[str, Any]) -> list[str]:
    own = [f"all of {node['Relation Name']}"] if node["Node Type"] == "Seq Scan" else []
    own += [node["Index Name"]] if "Index Name" in node else []
    return own + [name for child in node.get("Plans", []) for name in _scans(child)]


@pytest.mark.parametrize("cursor", [None, CURSOR])
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(), "RegenerationJob_list_idx"),
        (Filter((JobStatus.COMPLETED,)), "RegenerationJob_list_idx"),
        (Filter((JobStatus.FAILED,)), "RegenerationJob_failed_idx"),
        (Filter((JobStatus.COMPLETED, JobStatus.FAILED)), "RegenerationJob_list_idx"),
        (Filter(type="document"), "RegenerationJob_list_idx"),
    ],
)
def test_a_page(crowded: Connection, wanted: Filter, index: str, cursor: Cursor | None) -> None:
    assert indexes(crowded, page_statement(wanted, cursor, 50)) == {index}


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
def test_a_page_of_the_few_that_wait_or_run(crowded: Connection, status: JobStatus) -> None:
    [index] = indexes(crowded, page_statement(Filter((status,)), None, 50))
    assert index in {
        "RegenerationJob_queue_idx", "RegenerationJob_group_idx", "RegenerationJob_running_idx", "RegenerationJob_list_idx",
    }  # fmt: skip


def test_a_plans_jobs(crowded: Connection) -> None:
    assert indexes(crowded, generations_statement("p7")) == {"PlanGeneration_planId_idx", "RegenerationJob_pkey"}
