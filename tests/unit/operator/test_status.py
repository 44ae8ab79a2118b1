"""Is a status the right function of its row, and written only when it tells something?"""

from __future__ import annotations

from typing import Any

import pytest

from regen_core.states import Caps
from regen_operator.rows import JobFacts, QueueFacts, RunRow
from regen_operator.status import (
    Delays,
    Waiting,
    build_status,
    due_in,
    is_refused,
    merge_patch,
    refused_status,
    stamp,
    waiting_reason,
)
from tests.unit.operator.values import NOW, RUN, ago, row

DELAYS = Delays(running=2.0, starting=8.0, waiting=5.0)


def facts(status: str = "RUNNING", run: RunRow | None = None, **more: Any) -> JobFacts:
    return JobFacts(row(status, **more), run, NOW)


def condition(kind: str, status: str, reason: str, at: float, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp(ago(at))}


def test_the_status_of_a_pending_job() -> None:
    assert build_status(facts("PENDING"), {}, Waiting("CapTotal", "20 of 20 jobs run; place 3 in the queue")) == {
        "jobId": "a",
        "phase": "PENDING",
        "reason": "CapTotal",
        "message": "20 of 20 jobs run; place 3 in the queue",
        "conditions": [condition("Claimed", "False", "CapTotal", 61, "20 of 20 jobs run; place 3 in the queue")],
    }


def test_the_status_of_a_running_job() -> None:
    assert build_status(facts("RUNNING", RUN), {}, None) == {
        "jobId": "a",
        "phase": "RUNNING",
        "jobName": "regen-a",
        "podName": "regen-a-x1",
        "lockedAt": "2026-01-02T03:03:05.000Z",
        "startedAt": "2026-01-02T03:03:15.000Z",
        "runTime": "since 2026-01-02T03:03:15Z",
        "conditions": [condition("Claimed", "True", "Claimed", 60), condition("Launched", "True", "Started", 50)],
    }


def test_the_status_of_a_completed_job() -> None:
    assert build_status(facts("COMPLETED", RUN), {}, None) == {
        "jobId": "a",
        "phase": "COMPLETED",
        "jobName": "regen-a",
        "podName": "regen-a-x1",
        "lockedAt": "2026-01-02T03:03:05.000Z",
        "startedAt": "2026-01-02T03:03:15.000Z",
        "completedAt": "2026-01-02T03:04:05.000Z",
        "runTime": "50s",
        "outputRef": "s3://b/document/a/manifest.json",
        "conditions": [
            condition("Claimed", "True", "Claimed", 60),
            condition("Launched", "True", "Started", 50),
            condition("Succeeded", "True", "Completed", 0),
        ],
    }


def test_the_status_of_a_failed_job_that_never_started() -> None:
    assert build_status(facts("FAILED"), {}, None) == {
        "jobId": "a",
        "phase": "FAILED",
        "reason": "lost",
        "message": "gone",
        "lockedAt": "2026-01-02T03:03:05.000Z",
        "completedAt": "2026-01-02T03:04:05.000Z",
        "error": {"classification": "lost", "message": "gone", "retryable": True},
        "conditions": [
            condition("Claimed", "True", "Claimed", 60),
            condition("Launched", "False", "NeverStarted", 60),
            condition("Succeeded", "False", "lost", 0, "gone"),
        ],
    }


def test_what_was_set_once_stays() -> None:
    before = build_status(facts("RUNNING"), {}, Waiting("ImagePull", "no such image"))
    assert before["jobName"] == "regen-a"
    assert build_status(facts("FAILED"), before, None)["jobName"] == "regen-a"


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    pending = build_status(facts("PENDING"), {}, Waiting("Queued", "place 9"))
    first = pending["conditions"][0]["lastTransitionTime"]
    again = build_status(facts("PENDING", claimed=70), pending, Waiting("CapTotal", "place 8"))
    assert again["conditions"][0]["lastTransitionTime"] == first
    assert build_status(facts(), again, None)["conditions"][0]["lastTransitionTime"] != first


def test_the_patch_takes_away_what_is_no_longer_said() -> None:
    assert merge_patch({"phase": "RUNNING"}, {"phase": "PENDING", "reason": "Queued"}) == {"phase": "RUNNING", "reason": None}


@pytest.mark.parametrize(
    ("given", "previous", "written", "expected"),
    [
        (facts("PENDING", claimed=1), {}, None, 3.0),
        (facts("PENDING", claimed=9), {}, None, 0.0),
        (facts("PENDING", claimed=9), {}, 6.0, 38.0),
        (facts("PENDING", claimed=49), {}, 6.0, 0.0),
        (facts("RUNNING", RUN, claimed=1.5), {}, None, 0.5),
        (facts("RUNNING", RUN, claimed=2.5), {}, None, 0.0),
        (facts("RUNNING", claimed=2.5), {}, None, 5.5),
        (facts("RUNNING", claimed=9), {}, None, 0.0),
        (facts("RUNNING", claimed=1), {"phase": "RUNNING"}, None, 0.0),
        (facts("COMPLETED", claimed=0.1), {}, None, 0.0),
    ],
)
def test_when_a_status_is_worth_a_write(
    given: JobFacts, previous: dict[str, Any], written: float | None, expected: float
) -> None:
    assert due_in(given, previous, DELAYS, written_at_age=written) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("queue", "crowded", "reason"),
    [
        (QueueFacts(20, 5, 1, 3), {"document"}, "NoRoom"),
        (QueueFacts(20, 5, 1, 3), {"export"}, "CapType"),
        (QueueFacts(20, 4, 1, 3), set(), "CapRequester"),
        (QueueFacts(20, 4, 0, 3), set(), "CapTotal"),
        (QueueFacts(19, 4, 0, 3), set(), "Queued"),
    ],
)
def test_a_waiting_job_names_the_narrowest_cap_and_its_place(queue: QueueFacts, crowded: set[str], reason: str) -> None:
    waiting = waiting_reason(row("PENDING", requested_by="ann"), queue, Caps(20, {"document": 5}, 1), frozenset(crowded))
    assert waiting.reason == reason
    assert waiting.message.endswith("place 3 in the queue")


def test_a_refused_object_says_why() -> None:
    status = refused_status({}, "NameReserved", "no", NOW)
    assert is_refused(status)
    assert status["conditions"] == [condition("Refused", "True", "NameReserved", 0, "no")]
    assert "phase" not in status
