"""Does ``regen trigger`` make exactly the row that was asked for, once, and refuse in words what makes none?"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from regen_core.names import job_name
from tests.integration.database.jobs import claim, fail, insert, instruction

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import World

DIGEST = "a" * 64


def rows(world: World) -> list[tuple[Any, ...]]:
    query = """SELECT id, status::text, "instructionJson", priority, "requestedBy", "idempotencyKey", "retryOf"
               FROM "RegenerationJob" ORDER BY "createdAt", id"""
    return world.superuser.execute(query).fetchall()


def test_the_row_is_what_was_asked_for(world: World, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"title": "Zoë", "n": 1.5}', encoding="utf-8")
    done = world.api(
        "trigger", "document", "--inputs", f"@{tmp_path / 'in.json'}", "--source", f"a.csv=https://host/a.csv?x=1#{DIGEST}",
        "--priority", "-4", "--requested-by", "ada", "--idempotency-key", "once",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    job_id = done.stdout.strip()
    wanted = {
        "type": "document",
        "version": 1,
        "inputs": {"title": "Zoë", "n": 1.5},
        "sources": [{"name": "a.csv", "uri": "https://host/a.csv?x=1", "sha256": DIGEST}],
    }
    assert rows(world) == [(job_id, "PENDING", wanted, -4, "ada", "once", None)]
    assert job_name(job_id) == f"regen-{job_id}"


def test_inputs_may_come_from_standard_input(either: World) -> None:
    assert either.api("trigger", "document", "-i", "-", stdin='{"a": 1}').returncode == 0
    assert rows(either)[0][2]["inputs"] == {"a": 1}


def test_inputs_may_stand_in_the_line_or_be_left_out(either: World) -> None:
    either.api("trigger", "document", "-i", '{"a": 1}')
    either.api("trigger", "document")
    assert [row[2]["inputs"] for row in rows(either)] == [{"a": 1}, {}]


def test_the_requester_is_the_person(world: World) -> None:
    world.api("trigger", "document", USER="grace", LOGNAME="grace")
    assert rows(world)[0][4] == "cli:grace"


def test_the_digest_of_a_source_that_can_be_read_here_is_taken(stored: World) -> None:
    ref = stored.put("sources/a.csv", b"a,b\n1,2\n")
    done = stored.api("trigger", "export", "-s", f"a.csv={ref}")
    assert done.returncode == 0
    digest = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert rows(stored)[0][2]["sources"] == [{"name": "a.csv", "uri": ref, "sha256": digest}]
    assert digest in done.stderr


def test_the_same_request_makes_one_job(either: World) -> None:
    first, second = (either.api("trigger", "document", "--idempotency-key", "k") for _ in range(2))
    assert first.stdout == second.stdout
    assert (first.returncode, second.returncode) == (0, 0)
    assert "an earlier request with this key created it" in second.stderr
    assert len(rows(either)) == 1


@pytest.mark.parametrize("other", [("-i", '{"a": 1}'), ("-p", "1"), ("--retry-of", "old")])
def test_another_request_with_the_same_key_is_refused(either: World, other: tuple[str, str]) -> None:
    insert(either.superuser, "old")
    claim(either.superuser)
    fail(either.superuser, {"id": "old"})
    job_id = either.api("trigger", "document", "--idempotency-key", "k").stdout.strip()
    done = either.api("trigger", "document", "--idempotency-key", "k", *other)
    assert done.returncode == 2
    assert done.stderr.startswith("regen: --idempotency-key ")
    assert either.api_url is not None or job_id in done.stderr


def test_a_retry_takes_the_instruction_of_the_old_job(world: World) -> None:
    world.failed("old")
    job_id = world.api("trigger", "--retry-of", "old", "--requested-by", "ada").stdout.strip()
    assert rows(world)[-1] == (job_id, "PENDING", instruction(), 0, "ada", None, "old")


def test_a_retry_of_a_job_that_goes_on_is_refused(either: World) -> None:
    either.running("old")
    done = either.api("trigger", "--retry-of", "old")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "regen: --retry-of: job old is RUNNING. Only a job that has ended can be retried.\n"


def test_a_retry_of_nothing_is_not_found(either: World) -> None:
    assert either.api("trigger", "--retry-of", "nothing").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "TYPE is missing"),
        (("Document",), "instruction field type:"),
        (("document", "-i", "[1]"), "--inputs: not a JSON object but list"),
        (("document", "-i", "{"), "--inputs: not a JSON object:"),
        (("document", "-i", '{"a": NaN}'), "--inputs: not a JSON object: NaN"),
        (("document", "-i", '{"a": 1, "a": 2}'), "--inputs: not a JSON object: key 'a' occurs twice"),
        (("document", "-i", "@/nowhere.json"), "--inputs: /nowhere.json: cannot read the file"),
        (("document", "-i", '{"a": 123456789012345678901}'), "instruction: expected a value that RFC 8785 can express"),
        (
            ("document", "-i", '{"a": "\\u0000"}'),
            ("the database rejected a value", "API: inputs: expected text without NUL"),
        ),
        (("document", "-s", "x"), "--source must be NAME=URI"),
        (("document", "-s", "x=https://host/x"), "--source x: the SHA-256 digest is missing"),
        (("document", "-s", f"../x=https://host/x#{DIGEST}"), "instruction field sources.0.name:"),
        (("document", "-s", f"x=ftp://host/x#{DIGEST}"), "instruction field sources.0.uri:"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(
    either: World, arguments: tuple[str, ...], message: str | tuple[str, str]
) -> None:
    done = either.api("trigger", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    wanted = message if isinstance(message, str) else message[either.api_url is not None]
    assert done.stderr.startswith(f"regen: {wanted}")
    assert done.stderr.count("\n") == 1
    assert rows(either) == []


@pytest.mark.parametrize("role", ["readonly", "operator"])
def test_no_other_role_may_trigger(world: World, role: str) -> None:
    done = world.api("trigger", "document", REGEN_DATABASE_URL=getattr(world.database, f"{role}_url"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "`regen trigger` needs the role regen_api" in done.stderr
    assert rows(world) == []


def test_the_answer_as_json(either: World) -> None:
    answer = either.api.json("trigger", "document", "-i", '{"a": 1}')
    assert (answer["status"], answer["instruction"]) == ("PENDING", {"type": "document", "version": 1, "inputs": {"a": 1}})
    assert json.loads(json.dumps(answer))["id"] == rows(either)[0][0]
