"""Does a custom resource become one row, however often it is ingested?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.database.jobs import insert, instruction, running

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]
KEY = "cr:default/regen/nightly"


def ingest(connection: Connection, job_id: str, *, key: str | None = KEY, wanted: Any = None) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT id, outcome, status::text FROM regen_ingest_v1(%s, %s, 3, 'cr:regen', %s, 'old')",
        (job_id, Jsonb(wanted or instruction(a=1)), key),
    ).fetchone()
    assert row is not None
    return row


def test_makes_a_pending_row(superuser: Connection, operator: Connection) -> None:
    assert ingest(operator, "new") == ("new", "created", "PENDING")
    row = superuser.execute(
        """SELECT status::text, "instructionJson", type, priority, "requestedBy", "idempotencyKey", "retryOf"
           FROM "RegenerationJob" """
    ).fetchone()
    assert row == ("PENDING", instruction(a=1), "document", 3, "cr:regen", KEY, "old")


def test_the_same_key_and_instruction_is_the_same_row(superuser: Connection, operator: Connection) -> None:
    ingest(operator, "first")
    superuser.execute("SELECT FROM regen_claim_v1(1, NULL, NULL, NULL, '{document}')")
    assert ingest(operator, "second") == ("first", "existing", "RUNNING")


def test_the_same_key_with_another_instruction_is_refused(operator: Connection) -> None:
    ingest(operator, "first")
    assert ingest(operator, "second", wanted=instruction(a=2)) == ("first", "refused", "PENDING")


def test_an_id_that_is_taken_is_refused(superuser: Connection, operator: Connection) -> None:
    running(superuser, "taken")
    assert ingest(operator, "taken") == ("taken", "refused", "RUNNING")
    insert(superuser, "also")
    assert ingest(operator, "also", key=None) == ("also", "refused", "PENDING")


def test_without_a_key_a_repeated_call_is_the_same_row(operator: Connection) -> None:
    assert ingest(operator, "j", key=None)[1] == "created"
    assert ingest(operator, "j", key=None)[1] == "existing"


def test_ten_at_once_make_one_row(database: Database, superuser: Connection) -> None:
    barrier = threading.Barrier(10, timeout=30)

    def one(number: int) -> tuple[Any, ...]:
        with database.connect(database.operator_url) as connection:
            barrier.wait()
            return ingest(connection, f"j{number}")

    with ThreadPoolExecutor(10) as pool:
        rows = list(pool.map(one, range(10)))
    assert sorted(row[1] for row in rows) == ["created"] + ["existing"] * 9
    assert len({row[0] for row in rows}) == 1
    assert superuser.execute('SELECT count(*) FROM "RegenerationJob"').fetchone() == (1,)


def test_no_instruction_is_refused_with_a_reason(operator: Connection) -> None:
    with pytest.raises(psycopg.Error, match="instructionJson: expected"):
        operator.execute("SELECT * FROM regen_ingest_v1('j', NULL, 0, NULL, NULL, NULL)")
