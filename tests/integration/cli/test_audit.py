"""Does ``regen audit`` show every tampering, tell what was repaired, and export the trail as it is?"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from regen_cli.database import Database
from regen_core.audit_chain import AuditRecord, verify_chain
from regen_schema.sql import script
from tests.integration.database.jobs import LOST, claim, fail, fail_run, insert, start

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import LiteralString

    from pytest_mock import MockerFixture

    from tests.integration.cli.command import Command
    from tests.integration.cli.conftest import World

BREAK = 'ALTER TABLE "AuditEvent" ADD CONSTRAINT broken CHECK (false) NOT VALID'
MEND = 'ALTER TABLE "AuditEvent" DROP CONSTRAINT broken'
LONG_AGO = """UPDATE "RegenerationJob" SET "lockedAt" = "lockedAt" - interval '1 day',
              "completedAt" = "completedAt" - interval '1 day'"""


def exported(command: Command, *arguments: str) -> list[dict[str, Any]]:
    done = command("audit", "export", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_whole_trail(world: World) -> None:
    world.completed("j")
    world.failed("k")
    world.pending("waits")
    assert world.regen.json("audit", "verify") == {"jobs": 3, "events": 6, "repaired": [], "violations": []}
    assert world.regen("audit", "verify").stdout == "jobs: 3, events: 6, repaired: 0, violations: none\n"
    assert world.regen("audit", "verify", "j").stdout == "jobs: 1, events: 3, repaired: 0, violations: none\n"


@pytest.mark.parametrize(
    ("statement", "invariant", "message"),
    [
        ("""UPDATE "AuditEvent" SET actor = 'nobody' WHERE id = 2""", "audit-chain", "audit event 2: hash is "),
        ("""UPDATE "AuditEvent" SET at = at + interval '1 ms' WHERE id = 2""", "audit-chain", "audit event 2: hash is "),
        ("""DELETE FROM "AuditEvent" WHERE id = 1""", "audit-chain", "audit event 2: prevHash is "),
        ("""DELETE FROM "AuditEvent" WHERE id = 2""", "audit-chain", "audit event 3: prevHash is "),
        ("""UPDATE "AuditEvent" SET id = DEFAULT WHERE id = 1""", "audit-chain", "audit event 2: prevHash is "),
        ("""UPDATE "AuditEvent" SET "jobId" = 'k' WHERE id = 1""", "audit-chain", "audit event 2: prevHash is "),
        (
            """INSERT INTO "AuditEvent" (event, "jobId", status, actor, at, detail, "prevHash", hash)
               SELECT event, "jobId", status, actor, at, detail, hash,
                      regen_audit_hash_v1(hash, event, "jobId", status::text, actor,
                          to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), detail::text)
               FROM "AuditEvent" WHERE id = 3""",
            "audit-complete",
            "audit event REGEN_JOB_COMPLETED occurs 2 times in this COMPLETED job, not 1",
        ),
    ],
)
def test_a_tampered_trail(world: World, statement: LiteralString, invariant: str, message: str) -> None:
    world.completed("j")
    world.pending("k")
    world.behind_the_guards(statement)
    violations = world.regen.json("audit", "verify", status=5)["violations"]
    assert any(one["invariant"] == invariant and one["message"].startswith(message) for one in violations)
    assert world.regen("audit", "verify", "j").returncode == 5


def test_the_removal_of_the_last_events_shows_in_the_rows(world: World) -> None:
    """A chain cannot show it."""
    world.completed("j")
    world.behind_the_guards('DELETE FROM "AuditEvent" WHERE id > 1')
    world.behind_the_guards(LONG_AGO)
    world.behind_the_guards("""UPDATE "RegenerationRun" SET "startedAt" = "startedAt" - interval '1 day'""")
    violations = world.regen.json("audit", "verify", status=5)["violations"]
    messages = [one["message"] for one in violations]
    assert "audit event REGEN_JOB_STARTED is missing" in messages
    assert "audit event REGEN_JOB_COMPLETED is missing" in messages


def test_a_removed_job_leaves_its_events_behind(world: World) -> None:
    insert(world.superuser, "gone")
    claim(world.superuser)
    fail(world.superuser, {"id": "gone"})
    world.behind_the_guards('DELETE FROM "RegenerationJob"')
    [violation] = world.regen.json("audit", "verify", status=5)["violations"]
    assert (violation["invariant"], violation["jobId"]) == ("audit-complete", "gone")


def test_an_audit_insert_that_fails_is_repaired_by_the_sweep_for_all_to_see(world: World) -> None:
    insert(world.superuser, "j")
    world.superuser.execute(BREAK)
    claim(world.superuser)
    assert start(world.superuser, "j") == "started"
    assert fail_run(world.superuser, "j") == "failed"
    world.superuser.execute(MEND)
    assert world.regen.json("events", "j")["items"] == []

    with world.database.connect(world.database.operator_url) as sweep:
        repaired = sweep.execute(
            script("rows/queries/repair.sql", "regen_operator").text, {"limit": 100, "seconds": 3600}
        ).fetchall()
    names = ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_FAILED"]
    assert repaired == [("j", name) for name in names]

    report = world.regen.json("audit", "verify")
    assert [(one["event"], one["detail"]["repaired"]) for one in report["repaired"]] == [(name, True) for name in names]
    assert report["violations"] == []
    lines = world.regen("audit", "verify").stdout.splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [["repaired", "job", "j:"]] * 3
    assert lines[3] == "jobs: 1, events: 3, repaired: 3, violations: none"
    assert world.regen("events", "j").stdout.count("(repaired)") == 3


def test_events_that_no_sweep_has_added_in_time_are_missed(world: World) -> None:
    insert(world.superuser, "j")
    world.superuser.execute(BREAK)
    claim(world.superuser)
    fail(world.superuser, {"id": "j"})
    world.superuser.execute(MEND)
    assert world.regen("audit", "verify").returncode == 0
    world.behind_the_guards(LONG_AGO)
    violations = world.regen.json("audit", "verify", status=5)["violations"]
    assert [one["message"] for one in violations] == [
        "audit event REGEN_JOB_LOCKED is missing",
        "audit event REGEN_JOB_FAILED is missing",
    ]
    assert "regen_audit_repair_v1" in violations[0]["remedy"]


def test_an_adopted_job_is_right_as_it_is(world: World) -> None:
    insert(world.superuser, "old")
    world.behind_the_guards(
        """UPDATE "RegenerationJob" SET status = 'COMPLETED', "lockedAt" = "createdAt", "completedAt" = "createdAt",
           "outputRef" = 'https://elsewhere/x'"""
    )
    world.superuser.execute(
        """SELECT regen_audit_emit_v1(ARRAY['REGEN_JOB_ADOPTED'], ARRAY['old'],
               ARRAY['COMPLETED']::"RegenerationJobStatus"[], ARRAY[now() AT TIME ZONE 'UTC']::timestamp(3)[],
               ARRAY['{}']::jsonb[])"""
    )
    assert world.regen("audit", "verify").returncode == 0
    assert world.regen("fsck").returncode == 0
    assert world.regen("verify", "old").returncode == 3


def test_the_export_is_the_trail_and_can_be_verified_without_the_database(world: World) -> None:
    world.completed("j")
    world.failed("ök", LOST | {"message": "x"})
    events = exported(world.regen)
    assert [one["id"] for one in events] == sorted(one["id"] for one in events)
    for job_id, count in (("j", 3), ("ök", 3)):
        records = [
            AuditRecord(
                one["id"], one["event"], one["jobId"], one["status"], one["actor"],
                datetime.fromisoformat(one["at"]).replace(tzinfo=None), one["detailText"], one["prevHash"], one["hash"],
            )
            for one in events
            if one["jobId"] == job_id
        ]  # fmt: skip
        assert len(records) == count
        assert verify_chain(records) == []
    assert all(json.loads(one["detailText"]) == one["detail"] for one in events)


def test_the_export_of_one_job_and_of_a_while(world: World) -> None:
    world.completed("j")
    world.failed("k")
    assert {one["jobId"] for one in exported(world.regen, "--job", "k")} == {"k"}
    at = exported(world.regen)[-1]["at"]
    assert exported(world.regen, "--since", at)
    assert exported(world.regen, "--since", "2999-01-01T00:00:00+09:00") == []
    assert len(exported(world.regen, "--since", "2000-01-01")) == 6


def test_the_export_goes_on_after_a_page(world: World) -> None:
    world.superuser.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson") SELECT 'j' || n, '{"type": "document"}'
           FROM generate_series(1, 1300) n"""
    )
    claim(world.superuser, 1300)
    fail(world.superuser, *({"id": f"j{number}"} for number in range(1, 1301)))
    events = exported(world.regen)
    assert len({one["id"] for one in events}) == len(events) == 2600


def test_what_comes_while_the_export_is_written_is_left_to_the_next_one(world: World, mocker: MockerFixture) -> None:
    """A start is not committed while its page is read, and its chain goes on before the next page is."""
    mocker.patch("regen_cli.audit.EVENTS_PER_PAGE", 2)
    insert(world.superuser, "late")
    claim(world.superuser)
    with world.database.connect() as other:
        other.execute("BEGIN")
        assert start(other, "late") == "started"
        for number in range(3):
            world.failed(f"j{number}")
        read, pages = Database.named, []

        def named(self: Database, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
            rows = read(self, name, parameters)
            if name == "export":
                pages.append(len(rows))
                if len(pages) == 1:
                    other.execute("COMMIT")
                    assert fail_run(world.superuser, "late") == "failed"
            return rows

        mocker.patch.object(Database, "named", named)
        events = exported(world.regen)
    assert len(pages) > 2
    assert [one["jobId"] for one in events] == ["late", *(f"j{number}" for number in range(3) for _ in range(3))]
    mocker.stopall()
    assert [one["event"] for one in exported(world.regen) if one["jobId"] == "late"] == [
        "REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_FAILED"
    ]  # fmt: skip


def test_of_a_transaction_that_ends_while_the_export_is_written_no_event_is_exported(
    world: World, mocker: MockerFixture
) -> None:
    """It emits two events of one job, and others' come between them."""
    mocker.patch("regen_cli.audit.EVENTS_PER_PAGE", 4)
    for job_id in ("late", "j0", "j1"):
        insert(world.superuser, job_id)
    claim(world.superuser)
    with world.database.connect() as other:
        other.execute("BEGIN")
        assert start(other, "late") == "started"
        fail(world.superuser, {"id": "j0"})
        fail(other, {"id": "late"})
        fail(world.superuser, {"id": "j1"})
        read, pages = Database.named, []

        def named(self: Database, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
            rows = read(self, name, parameters)
            pages.append(name)
            if name == "export" and pages.count("export") == 1:
                other.execute("COMMIT")
            return rows

        mocker.patch.object(Database, "named", named)
        events = exported(world.regen)
    assert pages.count("export") > 2
    assert [one["event"] for one in events if one["jobId"] == "late"] == ["REGEN_JOB_LOCKED"]
    mocker.stopall()
    assert [one["event"] for one in exported(world.regen) if one["jobId"] == "late"] == [
        "REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_FAILED"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("verify", "nothing"), 3, "job nothing does not exist"),
        (("export", "--since", "yesterday"), 2, "--since must be an ISO 8601 time"),
    ],
)
def test_what_is_wrong_is_named(world: World, arguments: tuple[str, ...], status: int, message: str) -> None:
    done = world.regen("audit", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"regen: {message}")
