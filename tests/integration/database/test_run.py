"""Does exactly one process get a job's fence, and can only that one end the job? (rules R2, R3, R5, R12)"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

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
    assert rows == [(name, f"s3://regen/outputs/document/j/{name}", "a" * 64, 5, "application/pdf") for name in ("a", "b")]


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


@pytest.mark.parametrize("wrong", [{"sha256": "A" * 64}, {"sizeBytes": -1}])
def test_a_malformed_output_completes_nothing(superuser: Connection, runner: Connection, wrong: dict[str, Any]) -> None:
    running(superuser, "j")
    start(runner, "j")
    with pytest.raises(psycopg.errors.IntegrityError):
        complete(runner, "j", outputs=[output("a"), output("b") | wrong])
    assert status(superuser, "j") == "RUNNING"
    assert superuser.execute('SELECT count(*) FROM "RegenerationOutput"').fetchone() == (0,)


FOREIGN = {
    "another job's manifest": ({"ref": "s3://regen/outputs/document/k/manifest.json"}, "outputRef"),
    "another type's folder": ({"ref": "s3://regen/outputs/export/j/manifest.json"}, "outputRef"),
    "a web page": ({"ref": "http://evil.example/document/j/manifest.json"}, "outputRef"),
    "a path without a store": ({"ref": "/document/j/manifest.json"}, "outputRef"),
    "a folder of the same name behind a query": ({"ref": "s3://evil/?x=/document/j/manifest.json"}, "outputRef"),
    "a folder above": ({"ref": "s3://regen/outputs/../document/j/manifest.json"}, "outputRef"),
    "another object than the manifest": ({"ref": "s3://regen/outputs/document/j/a.pdf"}, "outputRef"),
    "an object in another job's folder": ({"outputs": [output(ref="s3://regen/outputs/document/k/a.pdf")]}, "output a.pdf"),
    "an object under another name": ({"outputs": [output(ref="s3://regen/outputs/document/j/b.pdf")]}, "output a.pdf"),
    "no object": ({"outputs": [output() | {"ref": None}]}, "output a.pdf"),
    "no name": ({"outputs": [output() | {"name": None}]}, "output name"),
    "a path for a name": ({"outputs": [output("../k/a.pdf")]}, "output name"),
    "the manifest's name": ({"outputs": [output("manifest.json")]}, "output name"),
    "a media type with a line break": ({"outputs": [output() | {"mediaType": "text/html\nSet-Cookie: a=b"}]}, "media type"),
    "no media type": ({"outputs": [output() | {"mediaType": None}]}, "media type"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_job_completes_only_with_its_own_objects(superuser: Connection, runner: Connection, case: str) -> None:
    given, message = FOREIGN[case]
    running(superuser, "j")
    start(runner, "j")
    with pytest.raises(psycopg.Error, match=message) as caught:
        complete(runner, "j", **given)
    assert caught.value.sqlstate == "RG005"
    assert status(superuser, "j") == "RUNNING"
    assert superuser.execute('SELECT count(*) FROM public."RegenerationOutput"').fetchone() == (0,)


@pytest.mark.parametrize("job_id", ["j", "ä ö", "100%", "a+b=c", "日本", "x~y.z_-"])
def test_an_id_of_any_characters_completes_in_its_own_folder(superuser: Connection, runner: Connection, job_id: str) -> None:
    running(superuser, job_id)
    start(runner, job_id)
    folder = f"file:///out/env=prod/{quote(f'document/{job_id}')}"
    outputs = [output(ref=f"{folder}/a.pdf")]
    assert complete(runner, job_id, ref=f"{folder}/manifest.json", outputs=outputs) == "completed"


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
