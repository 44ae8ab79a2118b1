"""Does exactly one process get a job's fence, and can only that one end the job? (rules R2, R3, R5, R12)"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.integration.database.jobs import (
    LOST,
    NONCE,
    OUTPUT_REF,
    complete,
    events,
    fail,
    fail_run,
    insert,
    instruction,
    output,
    running,
    start,
    status,
)

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]


def test_the_first_gets_the_fence_and_the_instruction(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    row = runner.execute("SELECT * FROM regen_start_v1('j', 'uid', 'pod', 'nonce')").fetchone()
    assert row == ("started", instruction())
    fence = superuser.execute('SELECT "jobId", "podUid", "podName", nonce FROM "RegenerationRun"').fetchall()
    assert fence == [("j", "uid", "pod", "nonce")]


def test_the_same_process_may_ask_again(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    assert [start(runner, "j"), start(runner, "j")] == ["started", "started"]
    assert events(superuser, "j") == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED"]


@pytest.mark.parametrize(("uid", "nonce"), [("uid-1", "another"), ("uid-2", NONCE), ("uid-2", "another")])
def test_no_other_process_gets_it(superuser: Connection, runner: Connection, uid: str, nonce: str) -> None:
    running(superuser, "j")
    start(runner, "j")
    row = runner.execute("SELECT * FROM regen_start_v1('j', %s, 'pod-1', %s)", (uid, nonce)).fetchone()
    assert row == ("fenced", None)


def test_answers_for_jobs_that_do_not_run(superuser: Connection, runner: Connection) -> None:
    running(superuser, "done")
    start(runner, "done")
    complete(runner, "done")
    running(superuser, "failed")
    fail(superuser, {"id": "failed"})
    insert(superuser, "waiting")
    answers = {job_id: start(runner, job_id) for job_id in ("done", "failed", "waiting", "nowhere")}
    assert answers == {"done": "terminal", "failed": "terminal", "waiting": "not_running", "nowhere": "unknown"}


def test_of_two_pods_at_once_one_starts(database: Database, superuser: Connection) -> None:
    for round_number in range(20):
        job_id = running(superuser, f"j{round_number}")
        barrier = threading.Barrier(2, timeout=30)

        def pod(nonce: str, job_id: str = job_id, barrier: threading.Barrier = barrier) -> str:
            with database.connect(database.runner_url) as connection:
                barrier.wait()
                return start(connection, job_id, uid=nonce, nonce=nonce)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(pod, ["one", "two"])) == ["fenced", "started"]


def test_completes_with_outputs_in_one_transaction(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    start(runner, "j")
    assert complete(runner, "j", outputs=[output("a"), output("b")]) == "completed"
    row = superuser.execute('SELECT status::text, "outputRef", "errorJson" FROM "RegenerationJob"').fetchone()
    assert row == ("COMPLETED", OUTPUT_REF, None)
    rows = superuser.execute(
        'SELECT name, ref, sha256, "sizeBytes", "mediaType" FROM "RegenerationOutput" ORDER BY 1'
    ).fetchall()
    assert rows == [(name, f"s3://regen/{name}", "a" * 64, 5, "application/pdf") for name in ("a", "b")]


def test_an_exact_repeat_is_answered_already(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    start(runner, "j")
    outputs = [output("a"), output("b")]
    assert complete(runner, "j", outputs=outputs) == "completed"
    assert complete(runner, "j", outputs=outputs[::-1]) == "already"
    assert events(superuser, "j") == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"ref": "s3://other"},
        {"outputs": [output("a")]},
        {"outputs": [output("a"), output("b"), output("c")]},
        {"outputs": [output("a"), output("b") | {"sha256": "b" * 64}]},
    ],
)
def test_a_repeat_that_says_something_else_is_refused(
    superuser: Connection, runner: Connection, changed: dict[str, Any]
) -> None:
    running(superuser, "j")
    start(runner, "j")
    said: dict[str, Any] = {"outputs": [output("a"), output("b")]}
    complete(runner, "j", **said)
    assert complete(runner, "j", **(said | changed)) == "refused"
    assert superuser.execute('SELECT count(*) FROM "RegenerationOutput"').fetchone() == (2,)


def test_without_the_fence_nothing_is_reported(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    assert [complete(runner, "j"), fail_run(runner, "j")] == ["refused", "refused"]
    start(runner, "j")
    assert [complete(runner, "j", nonce="another"), fail_run(runner, "j", nonce="another")] == ["refused", "refused"]
    assert [complete(runner, "nowhere"), fail_run(runner, "nowhere")] == ["refused", "refused"]
    assert status(superuser, "j") == "RUNNING"


def test_nothing_is_completed_without_an_output(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    start(runner, "j")
    assert complete(runner, "j", outputs=[]) == "refused"
    assert status(superuser, "j") == "RUNNING"


@pytest.mark.parametrize("wrong", [{"sha256": "A" * 64}, {"sizeBytes": -1}, {"ref": None}, {"name": None}])
def test_a_malformed_output_completes_nothing(superuser: Connection, runner: Connection, wrong: dict[str, Any]) -> None:
    running(superuser, "j")
    start(runner, "j")
    with pytest.raises(psycopg.errors.IntegrityError):
        complete(runner, "j", outputs=[output("a"), output("b") | wrong])
    assert status(superuser, "j") == "RUNNING"
    assert superuser.execute('SELECT count(*) FROM "RegenerationOutput"').fetchone() == (0,)


def test_two_jobs_never_share_an_object(superuser: Connection, runner: Connection) -> None:
    for job_id in ("one", "two"):
        running(superuser, job_id)
        start(runner, job_id)
    complete(runner, "one")
    with pytest.raises(psycopg.errors.UniqueViolation):
        complete(runner, "two")
    assert status(superuser, "two") == "RUNNING"


def test_the_pod_reports_its_failure_once(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    start(runner, "j")
    assert [fail_run(runner, "j"), fail_run(runner, "j")] == ["failed", "already"]
    assert fail_run(runner, "j", error=LOST | {"message": "other"}) == "refused"
    assert complete(runner, "j") == "refused"
    row = superuser.execute('SELECT status::text, "errorJson" FROM "RegenerationJob"').fetchone()
    assert row == ("FAILED", LOST)


def test_a_late_report_is_refused(superuser: Connection, runner: Connection) -> None:
    running(superuser, "j")
    start(runner, "j")
    fail(superuser, {"id": "j"})
    assert complete(runner, "j") == "refused"
    assert status(superuser, "j") == "FAILED"
