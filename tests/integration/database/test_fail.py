"""Does the operator's failing hold to the condition it was given, and say what became of each job?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.database.jobs import LOST, complete, fail, insert, running, start, status

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]
OTHER = LOST | {"message": "another reason"}


def test_each_entry_has_its_outcome(superuser: Connection, operator: Connection, runner: Connection) -> None:
    for job_id in ("runs", "completed", "failed"):
        running(superuser, job_id)
    start(runner, "completed")
    complete(runner, "completed")
    fail(operator, {"id": "failed"})
    insert(superuser, "waits")
    entries = [{"id": job_id} for job_id in ("runs", "completed", "failed", "waits", "nowhere")]
    assert fail(operator, *entries) == [
        ("runs", "failed"),
        ("completed", "refused"),
        ("failed", "already"),
        ("waits", "refused"),
        ("nowhere", "refused"),
    ]
    row = superuser.execute("""SELECT status::text, "errorJson" FROM "RegenerationJob" WHERE id = 'runs'""").fetchone()
    assert row == ("FAILED", LOST)


def test_a_repeat_with_another_error_is_refused(superuser: Connection, operator: Connection) -> None:
    running(superuser, "j")
    assert fail(operator, {"id": "j"}, {"id": "j", "error": OTHER}) == [("j", "failed"), ("j", "refused")]
    assert fail(operator, {"id": "j", "error": OTHER}) == [("j", "refused")]


@pytest.mark.parametrize(
    ("condition", "with_fence", "outcome"),
    [
        ({"condition": "no_fence"}, False, "failed"),
        ({"condition": "no_fence"}, True, "refused"),
        ({"condition": "fence_held_by", "podUid": "uid-1"}, True, "failed"),
        ({"condition": "fence_held_by", "podUid": "uid-2"}, True, "refused"),
        ({"condition": "fence_held_by", "podUid": "uid-1"}, False, "refused"),
        ({"condition": "any"}, True, "failed"),
        ({"condition": "any"}, False, "failed"),
    ],
)
def test_the_condition_is_checked(
    superuser: Connection, operator: Connection, condition: dict[str, Any], outcome: str, *, with_fence: bool
) -> None:
    running(superuser, "j")
    if with_fence:
        start(superuser, "j")
    assert fail(operator, {"id": "j"} | condition) == [("j", outcome)]
    assert status(superuser, "j") == ("FAILED" if outcome == "failed" else "RUNNING")


def test_a_start_and_a_failure_for_want_of_a_fence_never_both_happen(database: Database, superuser: Connection) -> None:
    for round_number in range(20):
        job_id = running(superuser, f"j{round_number}")
        barrier = threading.Barrier(2, timeout=30)

        def pod(job_id: str = job_id, barrier: threading.Barrier = barrier) -> str:
            with database.connect(database.runner_url) as connection:
                barrier.wait()
                return start(connection, job_id)

        def sweep(job_id: str = job_id, barrier: threading.Barrier = barrier) -> str:
            with database.connect(database.operator_url) as connection:
                barrier.wait()
                return fail(connection, {"id": job_id, "condition": "no_fence"})[0][1]

        with ThreadPoolExecutor(2) as pool:
            outcomes = [future.result(timeout=60) for future in (pool.submit(pod), pool.submit(sweep))]
        assert outcomes in (["started", "refused"], ["terminal", "failed"])


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        ({}, "p_failures to be an array"),
        ([{"id": "j", "error": LOST}], "a condition of any"),
        ([{"id": "j", "error": LOST, "condition": "perhaps"}], "a condition of any"),
        ([{"id": "j", "error": LOST, "condition": "fence_held_by"}], "a podUid with the last alone"),
        ([{"id": "j", "condition": "any"}], "expected a JSON object"),
        ([{"id": "j", "error": LOST | {"classification": "bad luck"}, "condition": "any"}], "classification: expected"),
        ([{"id": "j", "error": LOST | {"retryable": "yes"}, "condition": "any"}], "retryable: expected"),
        ([{"id": "j", "error": LOST | {"message": None}, "condition": "any"}], "message: expected"),
        ([{"id": "j", "error": LOST | {"detail": []}, "condition": "any"}], "detail: expected"),
        ([{"id": "j", "error": LOST | {"message": "x" * 16384}, "condition": "any"}], "16 KiB"),
    ],
)
def test_malformed_entries_change_nothing(superuser: Connection, operator: Connection, failures: Any, message: str) -> None:
    running(superuser, "j")
    with pytest.raises(psycopg.Error, match=message) as raised:
        operator.execute("SELECT * FROM regen_fail_v1(%s)", (Jsonb(failures),))
    assert raised.value.sqlstate == "RG005"
    assert status(superuser, "j") == "RUNNING"
