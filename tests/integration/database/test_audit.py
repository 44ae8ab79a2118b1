"""Is every event written, in order, in a chain that Python verifies, and never at the cost of a job? (rule R10)"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.rows import args_row

from regen_core.audit_chain import SELECT_EVENTS, AuditRecord, verify_chain
from tests.integration.database.jobs import claim, complete, events, fail, fail_run, insert, output, running, start, status

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]
BREAK = 'ALTER TABLE "AuditEvent" ADD CONSTRAINT broken CHECK (false) NOT VALID'
MEND = 'ALTER TABLE "AuditEvent" DROP CONSTRAINT broken'
ALL = ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]


def chain(connection: Connection, job_id: str) -> list[AuditRecord]:
    with connection.cursor(row_factory=args_row(AuditRecord)) as cursor:
        return cursor.execute(SELECT_EVENTS, (job_id,)).fetchall()


def test_a_completed_job_has_three_events_in_order(superuser: Connection, operator: Connection, runner: Connection) -> None:
    insert(superuser, "j", priority=4)
    claim(operator)
    start(runner, "j")
    complete(runner, "j")
    rows = superuser.execute("""SELECT event, status::text, actor, detail FROM "AuditEvent" ORDER BY id""").fetchall()
    assert rows == [
        ("REGEN_JOB_LOCKED", "RUNNING", "regen_operator_login", {"type": "document", "priority": 4}),
        ("REGEN_JOB_STARTED", "RUNNING", "regen_runner_login", {"podUid": "uid-1", "podName": "pod-1"}),
        (
            "REGEN_JOB_COMPLETED",
            "COMPLETED",
            "regen_runner_login",
            {"outputRef": "s3://regen/outputs/document/j/manifest.json"},
        ),
    ]


def test_a_failed_job_ends_with_its_classification(superuser: Connection) -> None:
    running(superuser, "j")
    start(superuser, "j")
    fail_run(superuser, "j")
    assert events(superuser, "j") == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_FAILED"]
    assert chain(superuser, "j")[-1].detail == '{"retryable": true, "classification": "lost"}'


def test_an_event_has_the_time_of_the_row(superuser: Connection) -> None:
    running(superuser, "j")
    start(superuser, "j")
    complete(superuser, "j")
    row = superuser.execute(
        """SELECT ARRAY(SELECT at FROM "AuditEvent" ORDER BY id) = ARRAY[j."lockedAt", r."startedAt", j."completedAt"]
           FROM "RegenerationJob" j JOIN "RegenerationRun" r ON r."jobId" = j.id"""
    ).fetchone()
    assert row == (True,)


def test_python_recomputes_every_hash(superuser: Connection) -> None:
    for number in range(30):
        insert(superuser, f"jöb-{number}, 5:x", requester="Zoë")
    claim(superuser, 30)
    for number in range(0, 30, 2):
        start(superuser, f"jöb-{number}, 5:x")
        folder = f's3://"ü"/{quote(f"document/jöb-{number}, 5:x")}'
        outputs = [output(ref=f"{folder}/a.pdf")]
        assert complete(superuser, f"jöb-{number}, 5:x", ref=f"{folder}/manifest.json", outputs=outputs) == "completed"
    fail(superuser, *({"id": f"jöb-{number}, 5:x"} for number in range(1, 30, 2)))
    chains = [chain(superuser, f"jöb-{number}, 5:x") for number in range(30)]
    assert [len(records) for records in chains] == [3, 2] * 15
    assert [verify_chain(records) for records in chains] == [[]] * 30


@pytest.mark.parametrize(
    ("what", "faults"),
    [
        ("""UPDATE "AuditEvent" SET detail = detail || '{"priority": 9}' WHERE id = 1""", ["hash"]),
        ("""UPDATE "AuditEvent" SET at = at + interval '1 ms' WHERE id = 2""", ["hash"]),
        ("""UPDATE "AuditEvent" SET actor = 'nobody' WHERE id = 3""", ["hash"]),
        ('DELETE FROM "AuditEvent" WHERE id = 2', ["prevHash"]),
        ('DELETE FROM "AuditEvent" WHERE id = 1', ["prevHash"]),
    ],
)
def test_a_change_behind_the_guards_is_found(superuser: Connection, what: str, faults: list[str]) -> None:
    running(superuser, "j")
    start(superuser, "j")
    complete(superuser, "j")
    superuser.execute('ALTER TABLE "AuditEvent" DISABLE TRIGGER ALL')
    superuser.execute(what)
    assert [fault.message.split(" is ")[0] for fault in verify_chain(chain(superuser, "j"))] == faults


def test_a_failing_audit_never_stops_a_job_and_is_repaired(superuser: Connection, operator: Connection) -> None:
    warnings: list[str | None] = []
    superuser.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    superuser.execute(BREAK)
    running(superuser, "j")
    assert start(superuser, "j") == "started"
    assert complete(superuser, "j") == "completed"
    assert (status(superuser, "j"), events(superuser, "j")) == ("COMPLETED", [])
    assert len(warnings) == 3
    superuser.execute(MEND)
    repaired = operator.execute("SELECT * FROM regen_audit_repair_v1(100)").fetchall()
    assert repaired == [("j", event) for event in ALL]
    assert operator.execute("SELECT * FROM regen_audit_repair_v1(100)").fetchall() == []
    assert events(superuser, "j") == ALL
    assert verify_chain(chain(superuser, "j")) == []


def test_a_repaired_event_says_the_same_and_that_it_is_repaired(superuser: Connection) -> None:
    for job_id in ("kept", "lost"):
        if job_id == "lost":
            superuser.execute(BREAK)
        running(superuser, job_id)
        start(superuser, job_id)
        complete(superuser, job_id)
    superuser.execute(MEND)
    superuser.execute("SELECT * FROM regen_audit_repair_v1(100)")
    rows = superuser.execute(
        """SELECT l.event, l.status = k.status,
                  replace(l.detail::text, '/lost/', '/kept/')::jsonb = k.detail || '{"repaired": true}', l.detail -> 'repaired'
           FROM "AuditEvent" l JOIN "AuditEvent" k USING (event)
           WHERE l."jobId" = 'lost' AND k."jobId" = 'kept' ORDER BY l.id"""
    ).fetchall()
    assert rows == [(event, True, True, True) for event in ALL]


def test_only_the_missing_events_are_repaired(superuser: Connection) -> None:
    running(superuser, "j")
    superuser.execute(BREAK)
    start(superuser, "j")
    superuser.execute(MEND)
    complete(superuser, "j")
    assert superuser.execute("SELECT * FROM regen_audit_repair_v1(100)").fetchall() == [("j", "REGEN_JOB_STARTED")]
    assert events(superuser, "j") == ["REGEN_JOB_LOCKED", "REGEN_JOB_COMPLETED", "REGEN_JOB_STARTED"]
    assert verify_chain(chain(superuser, "j")) == []


def test_the_repair_is_bounded_and_goes_on(superuser: Connection) -> None:
    superuser.execute(BREAK)
    for number in range(5):
        running(superuser, f"j{number}")
    superuser.execute(MEND)
    repaired = [len(superuser.execute("SELECT FROM regen_audit_repair_v1(2)").fetchall()) for _ in range(4)]
    assert repaired == [2, 2, 1, 0]


def test_the_repair_may_look_at_the_last_while_only(superuser: Connection) -> None:
    superuser.execute(BREAK)
    for job_id in ("ended", "runs"):
        running(superuser, job_id)
    fail(superuser, {"id": "ended"})
    superuser.execute(MEND)
    later = superuser.execute("SELECT * FROM regen_audit_repair_v1(9, (now() AT TIME ZONE 'UTC') + interval '1 hour')")
    assert later.fetchall() == [("runs", "REGEN_JOB_LOCKED")]
    earlier = superuser.execute("SELECT event FROM regen_audit_repair_v1(9, (now() AT TIME ZONE 'UTC') - interval '1 hour')")
    assert earlier.fetchall() == [("REGEN_JOB_LOCKED",), ("REGEN_JOB_FAILED",)]


def test_the_repair_leaves_a_locked_job_for_later(database: Database, superuser: Connection) -> None:
    superuser.execute(BREAK)
    running(superuser, "j")
    superuser.execute(MEND)
    with psycopg.connect(database.url) as other:
        other.execute('SELECT FROM "RegenerationJob" FOR UPDATE')
        assert superuser.execute("SELECT FROM regen_audit_repair_v1(9)").fetchall() == []
    assert len(superuser.execute("SELECT FROM regen_audit_repair_v1(9)").fetchall()) == 1


def test_a_logical_replica_does_not_audit_again(superuser: Connection) -> None:
    insert(superuser, "j")
    superuser.execute("SET session_replication_role = replica")
    superuser.execute("""UPDATE "RegenerationJob" SET status = 'RUNNING', "lockedAt" = now()""")
    assert events(superuser, "j") == []


def test_times_are_utc_wherever_the_server_is(superuser: Connection) -> None:
    assert superuser.execute("SHOW TimeZone").fetchone() == ("Asia/Tokyo",)
    running(superuser, "j")
    start(superuser, "j")
    complete(superuser, "j")
    row = superuser.execute(
        """SELECT j."createdAt", j."lockedAt", j."completedAt", r."startedAt", o."createdAt", max(e.at), min(e.at)
           FROM "RegenerationJob" j JOIN "RegenerationRun" r ON r."jobId" = j.id
           JOIN "RegenerationOutput" o ON o."jobId" = j.id JOIN "AuditEvent" e ON e."jobId" = j.id
           GROUP BY 1, 2, 3, 4, 5"""
    ).fetchone()
    assert row is not None
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert all(abs(now - stamp) < dt.timedelta(minutes=5) for stamp in row)
