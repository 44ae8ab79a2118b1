"""Does the backup of docs/operations.md, restored as it says, give a database that is whole and goes on?

Real: pg_dump and pg_restore of the server's own version, which the embedded PostgreSQL brings.
"""

from __future__ import annotations

import re
import shlex
import string
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from regen_schema.migrate import check, migrate
from regen_stack.postgres import client_program
from regen_verify import check as check_invariants
from regen_verify.gather import jobs_without_row, snapshots
from tests.integration.database.jobs import claim, complete, events, fail, insert, start, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]


RUNBOOK = (Path(__file__).resolve().parents[3] / "docs/operations.md").read_text(encoding="utf-8")


def run(name: str, folder: Path, **urls: str) -> None:
    """The runbook's own line that begins with ``name``, with these URLs in its variables."""
    [line] = re.findall(rf"^{name} .*$", RUNBOOK, re.MULTILINE)
    words = [string.Template(word).substitute(urls) for word in shlex.split(line)]
    done = subprocess.run(
        [client_program(words[0]), *words[1:]], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def restored(database: Database, empty_database: Database, tmp_path: Path) -> Iterator[Connection]:
    """A superuser of the copy: jobs in every state, a purged one, made and restored as the runbook says."""
    with database.connect() as connection:
        for job_id in ("completed", "failed", "runs", "unfenced"):
            insert(connection, job_id)
        claim(connection)
        for job_id in ("completed", "runs"):
            assert start(connection, job_id) == "started"
        assert complete(connection, "completed", ref="s3://b/document/completed/manifest.json", outputs=OUTPUTS) == "completed"
        fail(connection, {"id": "failed"})
        insert(connection, "waits")
        connection.execute(
            """INSERT INTO "PurgedJob" ("jobId", status, "completedAt", "exportSha256", "purgedBy", "purgedAt")
               VALUES ('gone', 'FAILED', now(), repeat('0', 64), 'me', now())"""
        )
    run("pg_dump", tmp_path, REGEN_DATABASE_URL=database.url)
    run("pg_restore", tmp_path, REGEN_RESTORE_URL=empty_database.url)
    with empty_database.connect() as connection:
        yield connection


OUTPUTS = [
    {
        "name": "a.pdf",
        "ref": "s3://b/document/completed/a.pdf",
        "sha256": "a" * 64,
        "sizeBytes": 5,
        "mediaType": "application/pdf",
    }
]


def test_the_copy_is_whole(database: Database, empty_database: Database, restored: Connection) -> None:
    assert check(empty_database.url) == []
    read: Any = lambda statement, parameters: restored.execute(statement, parameters).fetchall()  # noqa: E731
    found = list(snapshots(read, instructions=True))
    assert [job.id for one in found for job in one.jobs] == ["completed", "failed", "runs", "unfenced", "waits"]
    assert [fault for one in (*found, *jobs_without_row(read)) for fault in check_invariants(one)] == []
    with database.connect() as original:
        for table in ("RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent", "PurgedJob"):
            statement = f'SELECT to_jsonb(t) FROM "{table}" t ORDER BY to_jsonb(t)::text'
            assert restored.execute(statement).fetchall() == original.execute(statement).fetchall()


def test_the_copy_goes_on(empty_database: Database, restored: Connection) -> None:
    migrate(empty_database.url)
    assert claim(restored) == [("waits", "RUNNING")]
    assert start(restored, "waits") == "started"
    assert events(restored, "waits") == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED"]
    assert [status(restored, job_id) for job_id in ("runs", "unfenced")] == ["RUNNING", "RUNNING"]


def test_what_must_not_run_again_is_ended_before_the_operator_starts(empty_database: Database, restored: Connection) -> None:
    [block] = re.findall(r"^   ```sql restored\n(.*?)^   ```", RUNBOOK, re.DOTALL | re.MULTILINE)
    assert block.count("('…'), ('…')") == 1
    statements = block.replace("('…'), ('…')", "('waits'), ('unfenced'), ('runs'), ('completed')")
    outcomes: list[Any] = []
    for statement in statements.split(";\n"):
        cursor = restored.execute(statement.strip().encode())
        outcomes += cursor.fetchall() if cursor.description else []
    assert dict(outcomes) == {"waits": "failed", "unfenced": "failed", "runs": "refused", "completed": "refused"}
    assert claim(restored) == []
    assert start(restored, "waits") == "terminal"
    assert [status(restored, job_id) for job_id in ("runs", "completed")] == ["RUNNING", "COMPLETED"]
    assert events(restored, "waits") == ["REGEN_JOB_LOCKED", "REGEN_JOB_FAILED"]
    read: Any = lambda statement, parameters: restored.execute(statement, parameters).fetchall()  # noqa: E731
    assert [fault for one in snapshots(read) for fault in check_invariants(one)] == []
    assert check(empty_database.url) == []


@pytest.mark.parametrize("statement", ['DELETE FROM "RegenerationJob"', """UPDATE "AuditEvent" SET actor = 'me'"""])
def test_the_copy_is_guarded(restored: Connection, statement: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        restored.execute(statement.encode())
    assert refused.value.sqlstate == "RG004"


def test_what_was_purged_stays_out(restored: Connection) -> None:
    with pytest.raises(psycopg.Error, match="which was purged"):
        insert(restored, "gone")
