"""What becomes of jobs that nothing here can run?"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.integration.database.jobs import claim, events, insert

Connection = psycopg.Connection[Any]


def test_an_unknown_type_is_claimed_and_failed_in_one_call(superuser: Connection, operator: Connection) -> None:
    insert(superuser, "strange", "painting")
    assert claim(operator) == [("strange", "FAILED")]
    row = superuser.execute('SELECT status::text, "errorJson", "completedAt" = "lockedAt" FROM "RegenerationJob"').fetchone()
    assert row == (
        "FAILED",
        {
            "classification": "validation",
            "retryable": False,
            "message": 'instruction field type: expected one of document, export, got "painting"',
            "detail": {"field": "type"},
        },
        True,
    )
    assert events(superuser, "strange") == ["REGEN_JOB_LOCKED", "REGEN_JOB_FAILED"]


@pytest.mark.parametrize("instruction", ['{"version": 1}', '"text"', "null", "[]", '{"type": 5, "version": 1}'])
def test_an_instruction_without_a_type_is_failed(superuser: Connection, operator: Connection, instruction: str) -> None:
    superuser.execute("""INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES ('j', %s)""", (instruction,))
    assert claim(operator) == [("j", "FAILED")]
    row = superuser.execute("""SELECT "errorJson" #>> '{detail,field}' FROM "RegenerationJob" """).fetchone()
    assert row == ("type",)


@pytest.mark.parametrize("caps", [{}, {"types": {"document": 1}}])
def test_another_version_is_failed_and_uses_no_slot(superuser: Connection, operator: Connection, caps: dict[str, Any]) -> None:
    insert(superuser, "newer", version=2, priority=5)
    insert(superuser, "good")
    claimed = claim(operator, total=2, **caps)
    assert ("newer", "FAILED") in claimed
    assert ("good", "RUNNING") in claimed
    row = superuser.execute("""SELECT "errorJson" ->> 'message' FROM "RegenerationJob" WHERE id = 'newer'""").fetchone()
    assert row == ("instruction field version: expected 1, got 2",)


def test_unknown_types_use_no_slot_and_hide_nothing(superuser: Connection, operator: Connection) -> None:
    for number in range(30):
        insert(superuser, f"strange{number}", f"unknown_{number % 3}", priority=9)
    insert(superuser, "good")
    claimed = claim(operator, 10, total=1)
    assert claimed[0] == ("good", "RUNNING")
    assert [status for _, status in claimed[1:]] == ["FAILED"] * 10
    assert [status for _, status in claim(operator, 20, total=1)] == ["FAILED"] * 20
    assert claim(operator, 20, total=1) == []


def test_without_known_types_everything_is_refused(superuser: Connection, operator: Connection) -> None:
    insert(superuser, "j")
    assert claim(operator, known=()) == [("j", "FAILED")]
