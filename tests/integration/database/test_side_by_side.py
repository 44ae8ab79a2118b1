"""Do programs of the release before and of this one work side by side on the new schema, and while it is being made?

The programs of the release before are what they call: its functions by name and signature, its columns, its grants.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from regen_core.audit_chain import SELECT_EVENTS, AuditRecord, verify_chain
from regen_schema.migrate import check, migrate
from regen_schema.sql import scripts
from tests.database_fixtures import LOGIN_PASSWORD, login_name
from tests.integration.database.jobs import claim, complete, events, insert, output, start
from tests.integration.database.releases import as_release_0002
from tests.integration.database.test_migrate import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]
REPLACED = {
    ("function", name) for name in ("regen_guard_forbidden", "regen_guard_job_insert", "regen_pick_v1", "regen_audit_repair_v1")
}
"""Another body: of those that nobody calls by name, and of the repair, which does more of what it always promised. Whatever
changes what a caller must send or may expect gets another version instead, with one exception: the guard of inserts refuses
more than it did, values that would have stopped the programs of either release."""
VERSION_ROW = ("relation", "regen_alembic_version")


@pytest.fixture
def previous(database: Database) -> Iterator[Connection]:
    """A superuser of a database as the release before left it."""
    with database.connect() as connection:
        as_release_0002(connection)
        yield connection


def test_the_new_schema_takes_nothing_away(database: Database, previous: Connection) -> None:
    before = previous.execute(SCHEMA).fetchall()
    migrate(database.url)
    after = set(previous.execute(SCHEMA).fetchall())
    gone = [row for row in before if row not in after and (row[0], row[1]) not in REPLACED]
    assert gone == []
    names = {(row[0], row[1]) for row in after}
    assert {one for one in REPLACED if one not in names} == set()
    assert len(after) > len(before)


def test_a_migration_only_adds(database: Database) -> None:
    """In words, of every version after the first: whoever drops or renames breaks the programs that still run."""
    for version in ("0002", "0003", "0004", "0005", "0006"):
        for one in scripts(f"migrations/{version}"):
            code = "\n".join(line.partition("--")[0] for line in one.text.splitlines())
            assert not {"DROP", "RENAME"} & set(code.upper().replace("(", " ").split()), one.name


def lives(database: Database, worker: int, stop: threading.Event, ready: threading.Barrier) -> list[str]:
    """Takes jobs through their lives by sessions that were opened before the migration, until told to stop."""

    def login(role: str) -> Connection:
        return database.connect(database.server.url(database.name, user=login_name(role), password=LOGIN_PASSWORD))

    done: list[str] = []
    with login("regen_api") as api, login("regen_operator") as operator, login("regen_runner") as runner:
        ready.wait()
        while not stop.is_set() or len(done) < 3:
            job_id = f"w{worker}-{len(done)}"
            insert(api, job_id)
            while (one := api.execute('SELECT status::text FROM "RegenerationJob" WHERE id = %s', (job_id,)).fetchone()) == (
                "PENDING",
            ):
                claim(operator, total=100)
            assert one == ("RUNNING",)
            assert start(runner, job_id, nonce=job_id * 8) == "started"
            outputs = [output(ref=f"s3://b/{job_id}")]
            assert complete(runner, job_id, nonce=job_id * 8, ref=f"s3://b/{job_id}/m", outputs=outputs) == "completed"
            done.append(job_id)
    return done


def test_jobs_live_on_while_the_schema_is_made(database: Database, previous: Connection) -> None:
    stop, ready = threading.Event(), threading.Barrier(3, timeout=60)
    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(lives, database, number, stop, ready) for number in range(2)]
        try:
            ready.wait()
            migrate(database.url)
            assert check(database.url) == []
        finally:
            stop.set()
        done = [job_id for worker in workers for job_id in worker.result(timeout=60)]
    assert len(done) == len(set(done)) >= 6
    for job_id in done:
        assert events(previous, job_id) == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
        records = [AuditRecord(*row) for row in previous.execute(SELECT_EVENTS, (job_id,)).fetchall()]
        assert verify_chain(records) == []
