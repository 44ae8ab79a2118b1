"""Can anybody, the superuser included, bring a row into a state that must not be? (rules R1, R4, R5, R6)"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import psycopg
import pytest

from regen_core.instruction import LEVELS
from tests.integration.database.jobs import complete, fail, insert, running, start, status

Connection = psycopg.Connection[Any]

TABLES = ["RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent"]
SET = {
    "PENDING": """status = 'PENDING', "lockedAt" = NULL, "completedAt" = NULL, "outputRef" = NULL, "errorJson" = NULL""",
    "RUNNING": """status = 'RUNNING', "lockedAt" = now(), "completedAt" = NULL, "outputRef" = NULL, "errorJson" = NULL""",
    "COMPLETED": """status = 'COMPLETED', "completedAt" = now(), "outputRef" = 'other', "errorJson" = NULL""",
    "FAILED": """status = 'FAILED', "completedAt" = now(), "outputRef" = NULL, "errorJson" = '{}'""",
}
ALLOWED = {("PENDING", "RUNNING"), ("RUNNING", "COMPLETED"), ("RUNNING", "FAILED")}


@pytest.fixture(params=["origin", "replica"])
def anyone(rolled_back: Connection, request: pytest.FixtureRequest) -> Connection:
    """A superuser, as such and as a replication worker, for whom plain triggers do not fire."""
    rolled_back.execute(f"SET session_replication_role = {request.param}")
    return rolled_back


def job_in(connection: Connection, state: str) -> None:
    """The job "j" in ``state``."""
    insert(connection, "j")
    if state == "PENDING":
        return
    connection.execute("SELECT FROM regen_claim_v1(1, NULL, NULL, NULL, '{document}')")
    start(connection, "j")
    if state == "COMPLETED":
        assert complete(connection, "j") == "completed"
    elif state == "FAILED":
        assert fail(connection, {"id": "j"}) == [("j", "failed")]


def sqlstate_of(connection: Connection, statement: str) -> str | None:
    """How ``statement`` is refused; None where it is not."""
    try:
        with connection.transaction():
            connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize("after", SET)
@pytest.mark.parametrize("before", SET)
def test_only_the_three_transitions_pass(anyone: Connection, before: str, after: str) -> None:
    job_in(anyone, before)
    refused = sqlstate_of(anyone, f"""UPDATE "RegenerationJob" SET {SET[after]} WHERE id = 'j'""")
    if (before, after) in ALLOWED:
        assert (refused, status(anyone, "j")) == (None, after)
    elif before == after == "PENDING":
        assert refused is None  # nothing changed
    else:
        assert (refused, status(anyone, "j")) == ("RG001", before)


@pytest.mark.parametrize("state", SET)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", "'other'"),
        ("instructionJson", """'{"type": "document", "version": 1, "inputs": {"a": {"b": 2}}}'"""),
        ("instructionJson", """'{"type": "document", "version": 1.0, "inputs": {}}'"""),
        ("priority", "99"),
        ("requestedBy", "'other'"),
        ("idempotencyKey", "'other'"),
        ("retryOf", "'other'"),
        ("createdAt", "'2001-01-01'"),
    ],
)
def test_what_was_requested_never_changes(anyone: Connection, state: str, column: str, value: str) -> None:
    job_in(anyone, state)
    assert sqlstate_of(anyone, f"""UPDATE "RegenerationJob" SET "{column}" = {value}""") == "RG003"


def test_nor_together_with_a_transition(rolled_back: Connection) -> None:
    job_in(rolled_back, "PENDING")
    assert sqlstate_of(rolled_back, f"""UPDATE "RegenerationJob" SET {SET["RUNNING"]}, priority = 5""") == "RG003"


@pytest.mark.parametrize("column", ["outputRef", "errorJson", "completedAt", "lockedAt"])
def test_a_running_row_keeps_its_columns_until_it_ends(anyone: Connection, column: str) -> None:
    job_in(anyone, "RUNNING")
    value = {"outputRef": "'ref'", "errorJson": "'{}'"}.get(column, "'2001-01-01'")
    assert sqlstate_of(anyone, f"""UPDATE "RegenerationJob" SET "{column}" = {value}""") == "RG001"


@pytest.mark.parametrize(
    ("before", "assignment"),
    [
        ("PENDING", "status = 'RUNNING'"),
        ("PENDING", """status = 'RUNNING', "lockedAt" = now(), "outputRef" = 'ref'"""),
        ("RUNNING", """status = 'COMPLETED', "completedAt" = now()"""),
        ("RUNNING", """status = 'COMPLETED', "outputRef" = 'ref'"""),
        ("RUNNING", """status = 'COMPLETED', "completedAt" = now(), "outputRef" = 'ref', "errorJson" = '{}'"""),
        ("RUNNING", """status = 'FAILED', "completedAt" = now()"""),
        ("RUNNING", """status = 'FAILED', "completedAt" = now(), "errorJson" = '{}', "outputRef" = 'ref'"""),
    ],
)
def test_a_status_has_its_columns_and_no_others(anyone: Connection, before: str, assignment: str) -> None:
    job_in(anyone, before)
    assert sqlstate_of(anyone, f"""UPDATE "RegenerationJob" SET {assignment}""") == "23514"


def test_the_time_of_the_claim_never_changes(anyone: Connection) -> None:
    job_in(anyone, "RUNNING")
    assert sqlstate_of(anyone, f"""UPDATE "RegenerationJob" SET {SET["FAILED"]}, "lockedAt" = '2001-01-01'""") == "RG001"


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("status", "'RUNNING'"),
        ("status", "'COMPLETED'"),
        ('"lockedAt"', "now()"),
        ('"completedAt"', "now()"),
        ('"outputRef"', "'ref'"),
        ('"errorJson"', "'{}'"),
        ('"createdAt"', "'infinity'"),
        ('"createdAt"', "'-infinity'"),
        ('"createdAt"', "'20000-01-01'"),
        ('"createdAt"', "'9999-01-01'"),
        ('"createdAt"', "'1969-12-31 23:59:59.999'"),
        ('"createdAt"', "'0044-03-15 BC'"),
        ('"createdAt"', "NULL"),
        ('"requestedBy"', "repeat('x', 1001)"),
        ('"idempotencyKey"', "repeat('x', 1001)"),
        ('"retryOf"', "repeat('x', 201)"),
    ],
)
def test_only_a_clean_pending_row_is_inserted(anyone: Connection, columns: str, values: str) -> None:
    statement = f"""INSERT INTO "RegenerationJob" (id, "instructionJson", {columns}) VALUES ('j', '{{}}', {values})"""
    assert sqlstate_of(anyone, statement) == "RG002"


def test_the_application_may_send_the_status_it_must_have(rolled_back: Connection) -> None:
    rolled_back.execute("""INSERT INTO "RegenerationJob" (id, status, "instructionJson") VALUES ('j', 'PENDING', '{}')""")
    assert status(rolled_back, "j") == "PENDING"


@pytest.mark.parametrize("job_id", ["", ".", "..", "a/b", "../x", "a\\b", "a\nb", "a\x7fb", "x" * 201])
def test_an_id_that_is_no_path_segment_is_refused(rolled_back: Connection, job_id: str) -> None:
    with pytest.raises(psycopg.Error, match="id: expected 1 to 200 characters"):
        insert(rolled_back, job_id)


@pytest.mark.parametrize("job_id", ["clh3k2p0x0000qz8r1a2b3c4d", "A_b.C", "ünï", "a b", "x" * 200])
def test_ids_of_applications_are_accepted(rolled_back: Connection, job_id: str) -> None:
    assert status(rolled_back, insert(rolled_back, job_id)) == "PENDING"


def test_a_type_too_long_for_an_index_is_refused_with_a_reason(rolled_back: Connection) -> None:
    with pytest.raises(psycopg.Error, match=r"instructionJson\.type: expected at most 500 bytes"):
        insert(rolled_back, "j", "x" * 501)


@pytest.mark.parametrize("created", ["1970-01-01", "2001-01-01", "9998-12-31 23:59:59.999"])
def test_a_time_that_a_client_can_read_is_accepted(rolled_back: Connection, created: str) -> None:
    rolled_back.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson", "createdAt", "retryOf")
           VALUES ('j', '{}', %s, repeat('ü', 200))""",
        (created,),
    )
    row = rolled_back.execute('SELECT "createdAt" FROM "RegenerationJob"').fetchone()
    assert row == (dt.datetime.fromisoformat(created),)


UNREADABLE = {
    "an array too deep": '{"a": ' + "[" * (LEVELS - 1) + "1" + "]" * (LEVELS - 1) + "}",
    "an object too deep": '{"a": ' * LEVELS + "1" + "}" * LEVELS,
    "far too deep": "[" * 3000 + "]" * 3000,
    "an integer": '{"a": [{"b": ' + "1" * 4301 + "}]}",
    "a smaller one": '{"a": 1' + "0" * 309 + "}",
    "a fraction that Python takes for infinity": '{"a": 1' + "0" * 400 + ".5}",
    "a short one": '{"a": 1e4300}',
    "no double": '{"a": 1.8e308}',
    "a negative one": '{"a": -1.8e308}',
}
READABLE = {
    "deep": '{"a": ' + "[" * (LEVELS - 2) + "1" + "]" * (LEVELS - 2) + "}",
    "an integer": '{"a": [{"b": 1' + "0" * 308 + "}]}",
    "the largest double": '{"a": [17976931348623157' + "0" * 292 + ", -17976931348623157" + "0" * 292 + "]}",
    "a fraction": '{"a": 0.' + "1" * 5000 + "}",
    "digits in a string": '{"a": "' + "1" * 5000 + '"}',
    "wide": json.dumps({"a": [[number] for number in range(2000)]}),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_json_that_python_cannot_read_is_refused(rolled_back: Connection, case: str) -> None:
    with pytest.raises(psycopg.Error, match="regeneration job j is refused: instructionJson: expected") as raised:
        rolled_back.execute(
            """INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES ('j', %s::jsonb)""", (UNREADABLE[case],)
        )
    assert raised.value.sqlstate == "RG002"


@pytest.mark.parametrize("case", READABLE)
def test_json_that_python_can_read_is_accepted(rolled_back: Connection, case: str) -> None:
    rolled_back.execute("""INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES ('j', %s::jsonb)""", (READABLE[case],))
    row = rolled_back.execute('SELECT "instructionJson" FROM "RegenerationJob"').fetchone()
    assert row == (json.loads(READABLE[case]),)


@pytest.mark.parametrize("verb", ["DELETE", "TRUNCATE", "UPDATE"])
@pytest.mark.parametrize("table", TABLES)
def test_rows_are_kept(anyone: Connection, table: str, verb: str) -> None:
    job_in(anyone, "COMPLETED")
    column = {"RegenerationJob": "status", "RegenerationOutput": "name"}.get(table, "jobId")
    statement = {
        "DELETE": f'DELETE FROM "{table}"',
        "TRUNCATE": f'TRUNCATE "{table}" CASCADE',
        "UPDATE": f'UPDATE "{table}" SET "{column}" = "{column}"',
    }[verb]
    expected = "RG001" if (table, verb) == ("RegenerationJob", "UPDATE") else "RG004"
    assert sqlstate_of(anyone, statement) == expected


def test_rows_are_kept_whoever_owns_them(rolled_back: Connection) -> None:
    running(rolled_back, "j")
    rolled_back.execute("SET ROLE regen_owner")
    assert sqlstate_of(rolled_back, 'DELETE FROM "RegenerationJob"') == "RG004"
    assert sqlstate_of(rolled_back, 'DELETE FROM "AuditEvent" WHERE false') == "RG004"


def test_an_upsert_does_not_change_an_output(rolled_back: Connection) -> None:
    job_in(rolled_back, "COMPLETED")
    statement = """INSERT INTO "RegenerationOutput" SELECT * FROM "RegenerationOutput"
                   ON CONFLICT ("jobId", name) DO UPDATE SET ref = 'other'"""
    assert sqlstate_of(rolled_back, statement) == "RG004"
