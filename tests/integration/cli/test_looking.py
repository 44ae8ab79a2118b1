"""Do ``list``, ``show`` and ``events`` tell what the rows say, page by page, for people and for machines?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from psycopg.types.json import Jsonb

from tests.integration.cli.command import regen
from tests.integration.database.jobs import LOST, claim, fail

if TYPE_CHECKING:
    from tests.integration.cli.conftest import World


def test_pages_follow_each_other_newest_first(either: World) -> None:
    ids = [either.pending(f"j{number}") for number in range(5)]
    found, cursor = [], None
    while True:
        page = either.regen.json("list", "-n", "2", *(["--cursor", cursor] if cursor else []))
        found += [job["id"] for job in page["items"]]
        assert len(page["items"]) <= 2
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert found == ids[::-1]


def test_jobs_of_one_moment_are_all_listed(either: World) -> None:
    either.superuser.execute(
        """INSERT INTO "RegenerationJob" (id, "instructionJson") SELECT 'j' || n, '{}' FROM generate_series(1, 5) n"""
    )
    page = either.regen.json("list", "-n", "3")
    rest = either.regen.json("list", "--cursor", page["nextCursor"])
    assert [job["id"] for job in page["items"] + rest["items"]] == ["j5", "j4", "j3", "j2", "j1"]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--status", "failed"), ["bad"]),
        (("--status", "PENDING", "--status", "failed"), ["waits", "bad"]),
        (("--type", "export"), ["waits"]),
        (("--type", "nothing"), []),
        (("--requested-by", "ada"), ["waits"]),
    ],
)
def test_filters(either: World, arguments: tuple[str, ...], ids: list[str]) -> None:
    either.failed("bad")
    either.pending("waits", job_type="export", requester="ada")
    assert [job["id"] for job in either.regen.json("list", *arguments)["items"]] == ids


def test_a_list_for_people_is_one_line_per_job_however_long(either: World) -> None:
    either.failed("a" * 150)
    done = either.regen("list", COLUMNS="40")
    header, line = done.stdout.splitlines()
    assert header.split() == ["JOB", "TYPE", "STATUS", "PRIO", "RUN", "TIME", "AGE", "REQUESTED", "BY"]
    assert line.split()[:5] == ["a" * 150, "document", "FAILED", "lost", "0"]


def test_show_tells_everything_of_a_completed_job(either: World) -> None:
    either.completed("j")
    answer = either.regen.json("show", "j")
    assert {name: answer[name] for name in ("id", "status", "podName", "podUid", "jobName", "error", "waiting")} == {
        "id": "j",
        "status": "COMPLETED",
        "podName": "pod-1",
        "podUid": "uid-1",
        "jobName": "regen-j",
        "error": None,
        "waiting": None,
    }
    assert [one["name"] for one in answer["outputs"]] == ["a.txt", "b.txt"]
    assert answer["lockedAt"] <= answer["startedAt"] <= answer["completedAt"]
    assert "nonce" not in str(answer)
    text = either.regen("show", "j").stdout
    assert "kubectl -n regen-runs logs job/regen-j --all-containers" in text
    assert all(one["sha256"] in text for one in answer["outputs"])


def test_show_says_why_a_job_failed_and_what_to_do(either: World) -> None:
    either.failed("j", LOST | {"message": "the node went away", "detail": {"node": "n1"}})
    lines = [line.split(maxsplit=2) for line in either.regen("show", "j").stdout.splitlines()]
    assert ["failed", "as", "lost"] in lines
    assert ["because", "the", "node went away"] in lines
    assert ["what", "to", "do  the same may succeed: regen trigger --retry-of j"] in lines


def test_show_says_why_a_job_waits(either: World) -> None:
    either.running("r")
    either.pending("first", priority=1)
    either.pending("second", requester="ada")
    text = either.regen("show", "second").stdout
    assert "place 2 in the queue; 1 job runs, 1 of type document, 0 of ada" in text
    assert either.regen.json("show", "second")["waiting"] == {
        "place": 2,
        "running": 1,
        "runningOfType": 1,
        "runningOfRequester": 0,
    }


def test_events_in_their_order(either: World) -> None:
    either.completed("j")
    items = either.regen.json("events", "j")["items"]
    assert [one["event"] for one in items] == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
    assert [one["prevHash"] for one in items] == [None, items[0]["hash"], items[1]["hash"]]
    lines = either.regen("events", "j").stdout.splitlines()
    assert [line.split()[3] for line in lines[1:]] == [one["event"] for one in items]


def test_yaml_is_json_in_another_dress(either: World) -> None:
    either.failed("j")
    assert yaml.safe_load(either.regen("show", "j", "-o", "yaml").stdout) == either.regen.json("show", "j")


def test_a_row_of_an_unknown_kind_is_shown_too(either: World) -> None:
    either.superuser.execute("""INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES ('odd', '[]')""")
    assert either.regen.json("list")["items"][0]["type"] is None
    claim(either.superuser)
    fail(either.superuser, {"id": "odd"})
    assert either.regen("show", "odd").returncode == 0


@pytest.mark.parametrize("command", ["show", "events", "output", "verify", "watch"])
def test_a_job_that_does_not_exist(either: World, command: str) -> None:
    done = either.regen(command, "nothing")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "regen: job nothing does not exist. `regen list` shows the newest jobs.\n"


@pytest.mark.parametrize(
    ("environment", "status", "message"),
    [
        ({}, 2, "REGEN_DATABASE_URL "),
        ({"REGEN_DATABASE_URL": "secret word"}, 2, "REGEN_DATABASE_URL: expected a libpq connection string"),
        ({"REGEN_DATABASE_URL": "postgresql://u:%ffsecret@h/db"}, 2, "REGEN_DATABASE_URL: expected a libpq connection string"),
        ({"REGEN_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, 7, "cannot connect to PostgreSQL: "),
        (
            {"REGEN_DATABASE_URL": "postgresql://127.0.0.1:1/x", "REGEN_DATABASE_TIMEOUT_SECONDS": "soon"},
            2,
            "REGEN_DATABASE_TIMEOUT_SECONDS must be",
        ),
    ],
)
@pytest.mark.parametrize("command", [("list",), ("fsck",), ("audit", "verify"), ("trigger", "document")])
def test_a_wrong_setting_is_one_line(command: tuple[str, ...], environment: dict[str, str], status: int, message: str) -> None:
    done = regen(*command, **environment)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.removeprefix("regen: neither ").removeprefix("regen: ").startswith(message)
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_a_database_without_the_schema(world: World) -> None:
    done = world.regen("list", REGEN_DATABASE_URL=world.database.server.url("postgres"))
    assert done.returncode == 1
    assert "Run `regen migrate`" in done.stderr


@pytest.mark.parametrize(
    ("words", "completions"),
    [("regen aud", ["audit"]), ("regen list --sta", ["--status"]), ("regen audit ", ["verify", "export"])],
)
def test_the_shell_can_complete(words: str, completions: list[str]) -> None:
    place = str(len(words.split(" ")) - 1)
    done = regen(_REGEN_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=place)
    assert (done.returncode, done.stdout.split()) == (0, completions)


@pytest.mark.parametrize(
    "command",
    ["trigger", "list", "show", "events", "output", "watch", "verify", "fsck", "audit", "audit verify", "audit export"],
)
def test_every_command_explains_itself(command: str) -> None:
    done = regen(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: regen {command}")
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


@pytest.mark.parametrize(
    ("error", "shown"), [("disk full", "disk full"), (["a", 1], '["a", 1]'), ({"code": 7}, "?")], ids=["text", "list", "object"]
)
def test_a_row_from_before_regen_may_have_any_error(either: World, error: object, shown: str) -> None:
    either.failed("old")
    either.behind_the_guards('UPDATE "RegenerationJob" SET "errorJson" = %s', Jsonb(error))
    done = either.regen("show", "old")
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in next(line for line in done.stdout.splitlines() if line.startswith("because"))
    assert either.regen.json("show", "old")["error"] == error


@pytest.mark.parametrize("retryable", ["no", 1, {"a": 1}], ids=str)
def test_only_an_error_that_says_so_is_one_to_retry(either: World, retryable: object) -> None:
    either.failed("old")
    either.behind_the_guards('UPDATE "RegenerationJob" SET "errorJson" = %s', Jsonb({"retryable": retryable}))
    assert "the same would fail again" in either.regen("show", "old").stdout


CONTROLS = "a\x9b2J\x7f\u202eb"


@pytest.mark.parametrize(
    "inputs", ['{"a": ' + "1" * 5000 + "}", '{"a": ' + "[" * 1500 + "]" * 1500 + "}"], ids=["an integer", "levels"]
)
def test_an_instruction_from_before_the_guards_that_python_cannot_read_is_one_line(world: World, inputs: str) -> None:
    world.behind_the_guards(
        """INSERT INTO "RegenerationJob" (id, "instructionJson")
           VALUES ('old', jsonb_build_object('type', 'document', 'inputs', %s::jsonb))""",
        inputs,
    )
    done = world.regen("show", "old")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("regen: the query failed: a row has JSON that Python cannot read")


def test_an_id_that_is_no_utf_8_is_one_line(world: World) -> None:
    done = world.regen("show", "\udcff")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "regen: the query failed: a value contains a lone surrogate, which UTF-8 cannot encode\n"


def test_nothing_that_an_executor_wrote_steers_the_terminal(either: World) -> None:
    either.failed("j")
    error = LOST | {"classification": CONTROLS, "message": CONTROLS, "detail": {CONTROLS: CONTROLS}}
    either.behind_the_guards('UPDATE "RegenerationJob" SET "errorJson" = %s', Jsonb(error))
    either.behind_the_guards('UPDATE "AuditEvent" SET detail = %s', Jsonb({"said": CONTROLS}))
    for arguments in (("show", "j"), ("list",), ("events", "j"), ("watch", "j")):
        for form in ((), ("-o", "json"), ("-o", "yaml")) if arguments[0] != "watch" else ((),):
            done = either.regen(*arguments, *form)
            assert done.returncode == (4 if arguments[0] == "watch" else 0)
            assert not {"\x9b", "\x7f", "\u202e"} & set(done.stdout + done.stderr), (arguments, form)
    assert either.regen.json("show", "j")["error"]["message"] == CONTROLS
    assert yaml.safe_load(either.regen("show", "j", "-o", "yaml").stdout)["error"]["message"] == CONTROLS


def test_nothing_in_the_export_of_the_trail_steers_the_terminal(world: World) -> None:
    world.failed("j")
    world.behind_the_guards('UPDATE "AuditEvent" SET detail = %s', Jsonb({"said": CONTROLS}))
    done = world.regen("audit", "export")
    assert not {"\x9b", "\x7f", "\u202e"} & set(done.stdout)
    assert json.loads(done.stdout.splitlines()[-1])["detail"]["said"] == CONTROLS
