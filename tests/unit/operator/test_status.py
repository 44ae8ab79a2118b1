"""Is a status the right function of its row, and written only when it tells something?"""

from __future__ import annotations

from typing import Any

import pytest

from regen_core.states import Caps
from regen_operator.mirror.status import (
    Delays,
    build_status,
    due_in,
    is_refused,
    may_tell_event,
    merge_patch,
    refused_status,
    stamp,
    waiting_reason,
)
from regen_operator.reasons import WaitReason
from regen_operator.rows.values import JobFacts, QueueFacts, RunRow
from tests.unit.operator.values import NOW, RUN, ago, row

DELAYS = Delays(running=2.0, starting=8.0, waiting=5.0)


def facts(status: str = "RUNNING", run: RunRow | None = None, **more: Any) -> JobFacts:
    return JobFacts(row(status, **more), run, NOW)


def condition(kind: str, status: str, reason: str, at: float, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp(ago(at))}


def test_the_status_of_a_pending_job() -> None:
    assert build_status(facts("PENDING"), {}, WaitReason("CapTotal", "20 of 20 jobs run; place 3 in the queue")) == {
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
    before = build_status(facts("RUNNING"), {}, WaitReason("ImagePull", "no such image"))
    assert before["jobName"] == "regen-a"
    assert build_status(facts("FAILED"), before, None)["jobName"] == "regen-a"


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    pending = build_status(facts("PENDING"), {}, WaitReason("Queued", "place 9"))
    first = pending["conditions"][0]["lastTransitionTime"]
    again = build_status(facts("PENDING", claimed=70), pending, WaitReason("CapTotal", "place 8"))
    assert again["conditions"][0]["lastTransitionTime"] == first
    assert build_status(facts(), again, None)["conditions"][0]["lastTransitionTime"] != first


def test_the_patch_takes_away_what_is_no_longer_said() -> None:
    assert merge_patch({"phase": "RUNNING"}, {"phase": "PENDING", "reason": "Queued"}) == {"phase": "RUNNING", "reason": None}


WAITED = build_status(facts("PENDING"), {}, WaitReason("CapTotal", "20 of 20 jobs run"))
INGESTED = build_status(facts("PENDING"), {}, None)
STARTING = build_status(facts("RUNNING"), {}, WaitReason("ImagePull", "no such image"))
SHOWN = build_status(facts("RUNNING", RUN), {}, None)
SHOWN_AFTER_WAIT = build_status(facts("RUNNING", RUN), WAITED, None)
SHOWN_LATE = build_status(facts("RUNNING", RUN), STARTING, None)
TROUBLE, SLOW = WaitReason("ImagePull", "no such image"), WaitReason("Starting", "its pod is starting")


@pytest.mark.parametrize(
    ("given", "previous", "heard", "expected"),
    [
        (facts("PENDING", claimed=1), {}, None, 3.0),
        (facts("PENDING", claimed=9), {}, None, 0.0),
        (facts("PENDING", claimed=9), INGESTED, None, 0.0),
        (facts("PENDING", claimed=90_000), WAITED, None, None),
        (facts("RUNNING", RUN, claimed=1.5), {}, None, 0.5),
        (facts("RUNNING", RUN, claimed=2.5), {}, None, 0.0),
        (facts("RUNNING", RUN, claimed=2.5), WAITED, None, 0.0),
        (facts("RUNNING", RUN, claimed=90), STARTING, None, 0.0),
        (facts("RUNNING", RUN, claimed=90), SHOWN, None, None),
        (facts("RUNNING", claimed=2.5), {}, TROUBLE, 5.5),
        (facts("RUNNING", claimed=2.5), {}, SLOW, 29.5),
        (facts("RUNNING", claimed=2.5), {}, None, 29.5),
        (facts("RUNNING", claimed=9), {}, TROUBLE, 0.0),
        (facts("RUNNING", claimed=9), INGESTED, TROUBLE, 0.0),
        (facts("RUNNING", claimed=90), STARTING, TROUBLE, None),
        (facts("RUNNING", claimed=90), WAITED, TROUBLE, None),
        (facts("COMPLETED", claimed=0.1), {}, None, 0.0),
        (facts("RUNNING", claimed=90), {**STARTING, "phase": "COMPLETED"}, None, 0.0),
        (facts("RUNNING", claimed=90), {**STARTING, "jobId": "another"}, None, 0.0),
        (facts("PENDING", claimed=1), STARTING, None, 0.0),
    ],
)
def test_when_a_status_is_worth_a_write(
    given: JobFacts, previous: dict[str, Any], heard: WaitReason | None, expected: float | None
) -> None:
    assert due_in(given, previous, DELAYS, heard) == (None if expected is None else pytest.approx(expected))


UNKNOWN_TYPE = {"classification": "validation", "message": "no such type", "retryable": False}


@pytest.mark.parametrize(
    ("given", "previous", "expected"),
    [
        (facts("FAILED", RUN), {}, True),
        (facts("FAILED", RUN), SHOWN, True),
        (facts("FAILED", RUN), WAITED, True),
        (facts("FAILED", RUN), SHOWN_AFTER_WAIT, False),
        (facts("FAILED", RUN), SHOWN_LATE, False),
        (facts("FAILED"), {}, True),
        (facts("FAILED"), STARTING, False),
        (facts("FAILED", error=UNKNOWN_TYPE), WAITED, True),
    ],
)
def test_the_event_of_a_failure_is_what_is_spared(given: JobFacts, previous: dict[str, Any], *, expected: bool) -> None:
    assert may_tell_event(given, previous) is expected


def test_conditions_remember_what_was_told_to_the_end() -> None:
    end = build_status(facts("FAILED", RUN), SHOWN_AFTER_WAIT, None)
    assert [entry["reason"] for entry in end["conditions"]] == ["ClaimedAfterWait", "Started", "lost"]
    end = build_status(facts("FAILED", RUN), SHOWN_LATE, None)
    assert [entry["reason"] for entry in end["conditions"]] == ["Claimed", "StartedLate", "lost"]


@pytest.mark.parametrize(
    ("queue", "blocked_types", "reason"),
    [
        (QueueFacts(20, 5, 1, 3), {"document"}, "Unschedulable"),
        (QueueFacts(20, 5, 1, 3), {"export"}, "CapType"),
        (QueueFacts(20, 4, 1, 3), set(), "CapRequester"),
        (QueueFacts(20, 4, 0, 3), set(), "CapTotal"),
        (QueueFacts(19, 4, 0, 3), set(), "Queued"),
    ],
)
def test_a_waiting_job_names_the_narrowest_cap_and_its_place(queue: QueueFacts, blocked_types: set[str], reason: str) -> None:
    waiting = waiting_reason(
        facts("PENDING", requested_by="ann"), queue, Caps(20, {"document": 5}, 1), frozenset(blocked_types)
    )
    assert waiting.reason == reason
    assert waiting.message.endswith("place 3 in the queue at 03:04:05Z")


def test_a_refused_object_says_why() -> None:
    status = refused_status({}, "NameReserved", "no", NOW)
    assert is_refused(status)
    assert status["conditions"] == [condition("Refused", "True", "NameReserved", 0, "no")]
    assert "phase" not in status
