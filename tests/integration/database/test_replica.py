"""Does the replica of docs/operations.md follow jobs through their lives, audit nothing twice, and become a primary?

Real: logical replication of PostgreSQL, between two databases of one server; the statements are the runbook's own.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from regen_core.audit_chain import SELECT_EVENTS, AuditRecord, verify_chain
from regen_schema.migrate import check, migrate
from regen_stack.postgres import Postgres
from tests.integration.database.jobs import claim, complete, events, fail, insert, start

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = psycopg.Connection[Any]
RUNBOOK = (Path(__file__).resolve().parents[3] / "docs/operations.md").read_text(encoding="utf-8")
TABLES = ("RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent", "PlanGeneration", "PurgedJob")
SLOT = "regen_replica"

_numbers = itertools.count(1)


def block(name: str) -> bytes:
    """The runbook's block that is marked ``name``."""
    [text] = re.findall(rf"^```sql {name}\n(.*?)^```", RUNBOOK, re.DOTALL | re.MULTILINE)
    return str(text).encode()


def runs(connection: Connection, job_id: str) -> None:
    """A job that was claimed and started."""
    insert(connection, job_id)
    claim(connection)
    assert start(connection, job_id) == "started"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres(settings={"wal_level": "logical"}) as running_server:
        yield running_server


@pytest.fixture
def pair(server: Postgres) -> Iterator[tuple[Connection, Connection]]:
    """Superusers of primary and replica, with jobs from before the subscription."""
    names = [f"{side}_{next(_numbers)}" for side in ("primary", "replica")]
    urls = [server.create_database(name) for name in names]
    for url in urls:
        migrate(url)
    with psycopg.connect(urls[0], autocommit=True) as primary, psycopg.connect(urls[1], autocommit=True) as replica:
        runs(primary, "earlier")
        assert complete(primary, "earlier") == "completed"
        primary.execute(block("primary"))
        replica.execute(block("replica"))
        # Within one server the slot must exist before, or the subscription waits for its own transaction.
        primary.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (SLOT,))
        statement = sql.SQL(
            "CREATE SUBSCRIPTION regen CONNECTION {} PUBLICATION regen WITH (create_slot = false, slot_name = {})"
        )
        replica.execute(statement.format(sql.Literal(urls[0]), sql.Identifier(SLOT)))
        yield primary, replica
        if replica.execute("SELECT FROM pg_subscription WHERE subname = 'regen'").fetchone() is not None:
            _unsubscribe(primary, replica)
    for name in names:
        server.drop_database(name)


def _unsubscribe(primary: Connection, replica: Connection) -> None:
    replica.execute("ALTER SUBSCRIPTION regen DISABLE")
    replica.execute("ALTER SUBSCRIPTION regen SET (slot_name = NONE)")
    replica.execute("DROP SUBSCRIPTION regen")
    until(primary, "SELECT count(*) = 0 FROM pg_replication_slots WHERE slot_name = 'regen_replica' AND active")
    primary.execute("SELECT pg_drop_replication_slot(%s)", (SLOT,))


def until(connection: Connection, condition: str) -> None:
    """Asks until the statement answers true; the test's timeout ends it otherwise."""
    while connection.execute(condition.encode()).fetchone() != (True,):
        connection.execute("SELECT pg_sleep(0.05)")


def caught_up(primary: Connection, replica: Connection) -> None:
    """Waits until the replica holds what the primary does."""
    for table in TABLES:
        statement = (
            f"SELECT coalesce(md5(string_agg(to_jsonb(t)::text, ',' ORDER BY to_jsonb(t)::text)), '') FROM \"{table}\" t"
        )
        [(wanted,)] = primary.execute(statement.encode()).fetchall()
        until(replica, f"SELECT ({statement}) = '{wanted}'")


def test_it_follows(pair: tuple[Connection, Connection]) -> None:
    primary, replica = pair
    caught_up(primary, replica)
    for job_id in ("completes", "fails", "waits"):
        insert(primary, job_id)
    claim(primary, 2)
    assert start(primary, "completes") == "started"
    fail(primary, {"id": "fails"})
    primary.execute(
        """INSERT INTO "PurgedJob" ("jobId", status, "completedAt", "exportSha256", "purgedBy", "purgedAt")
           VALUES ('gone', 'FAILED', now(), repeat('0', 64), 'me', now())"""
    )
    caught_up(primary, replica)
    assert events(replica, "fails") == ["REGEN_JOB_LOCKED", "REGEN_JOB_FAILED"]
    with pytest.raises(psycopg.Error) as refused:
        replica.execute('DELETE FROM "RegenerationJob"')
    assert refused.value.sqlstate == "RG004"


def test_it_becomes_the_primary(pair: tuple[Connection, Connection]) -> None:
    primary, replica = pair
    runs(primary, "runs")
    insert(primary, "waits")
    caught_up(primary, replica)
    _unsubscribe(primary, replica)
    replica.execute(block("promotion"))
    assert check(replica.info.dsn + f" password={replica.info.password}") == []
    assert complete(replica, "runs", ref="s3://b/document/runs/manifest.json", outputs=OUTPUTS) == "completed"
    assert claim(replica) == [("waits", "RUNNING")]
    assert events(replica, "runs") == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
    records = [AuditRecord(*row) for row in replica.execute(SELECT_EVENTS, ("runs",)).fetchall()]
    assert verify_chain(records) == []


OUTPUTS = [
    {"name": "a.pdf", "ref": "s3://b/document/runs/a.pdf", "sha256": "a" * 64, "sizeBytes": 5, "mediaType": "application/pdf"}
]
