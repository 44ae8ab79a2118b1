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
    assert build_status(facts("PENDING"), {}, WaitReason("CapTotal", "20 of 20 jobs run; place 3 in the queue"), 1) == {
        "observedGeneration": 1,
        "jobId": "a",
        "phase": "PENDING",
        "reason": "CapTotal",
        "message": "20 of 20 jobs run; place 3 in the queue",
        "conditions": [
            condition("Claimed", "False", "CapTotal", 61, "20 of 20 jobs run; place 3 in the queue"),
            condition("Reconciling", "True", "InProgress", 61),
        ],
    }


def test_the_status_of_a_running_job() -> None:
    assert build_status(facts("RUNNING", RUN), {}, None, 1) == {
        "observedGeneration": 1,
        "jobId": "a",
        "phase": "RUNNING",
        "jobName": "regen-a",
        "podName": "regen-a-x1",
        "lockedAt": "2026-01-02T03:03:05.000Z",
        "startedAt": "2026-01-02T03:03:15.000Z",
        "runTime": "since 2026-01-02T03:03:15Z",
        "conditions": [
            condition("Claimed", "True", "Claimed", 60),
            condition("Launched", "True", "Started", 50),
            condition("Reconciling", "True", "InProgress", 61),
        ],
    }


def test_the_status_of_a_completed_job() -> None:
    assert build_status(facts("COMPLETED", RUN), {}, None, 1) == {
        "observedGeneration": 1,
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
    assert build_status(facts("FAILED"), {}, None, 1) == {
        "observedGeneration": 1,
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
            condition("Stalled", "True", "Failed", 0),
        ],
    }


def test_what_was_set_once_stays() -> None:
    before = build_status(facts("RUNNING"), {}, WaitReason("ImagePull", "no such image"), 1)
    assert before["jobName"] == "regen-a"
    assert build_status(facts("FAILED"), before, None, 1)["jobName"] == "regen-a"


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    pending = build_status(facts("PENDING"), {}, WaitReason("Queued", "place 9"), 1)
    first = pending["conditions"][0]["lastTransitionTime"]
    again = build_status(facts("PENDING", claimed=70), pending, WaitReason("CapTotal", "place 8"), 1)
    assert again["conditions"][0]["lastTransitionTime"] == first
    assert build_status(facts(), again, None, 1)["conditions"][0]["lastTransitionTime"] != first


def test_the_patch_removes_fields_that_are_no_longer_set() -> None:
    assert merge_patch({"phase": "RUNNING"}, {"phase": "PENDING", "reason": "Queued"}) == {"phase": "RUNNING", "reason": None}


WAITED = build_status(facts("PENDING"), {}, WaitReason("CapTotal", "20 of 20 jobs run"), 1)
INGESTED = build_status(facts("PENDING"), {}, None, 1)
STARTING = build_status(facts("RUNNING"), {}, WaitReason("ImagePull", "no such image"), 1)
SHOWN = build_status(facts("RUNNING", RUN), {}, None, 1)
PULL, SLOW = WaitReason("ImagePull", "no such image"), WaitReason("Starting", "the pod is starting")
CAP, SAME_CAP = WaitReason("CapType", "2 of 2"), WaitReason("CapTotal", "20 of 20 jobs run. Place 2")


@pytest.mark.parametrize(
    ("given", "shown", "why", "expected"),
    [
        # A new resource shows a state that lasts.
        (facts("PENDING", claimed=1), {}, CAP, 3.0),
        (facts("PENDING", claimed=9), {}, CAP, 0.0),
        (facts("PENDING", claimed=9), INGESTED, CAP, 0.0),
        (facts("RUNNING", RUN, claimed=1.5), {}, None, 0.5),
        (facts("RUNNING", RUN, claimed=2.5), {}, None, 0.0),
        (facts("RUNNING", claimed=1.5), {}, PULL, 0.5),
        (facts("RUNNING", claimed=2.5), {}, PULL, 0.0),
        (facts("RUNNING", claimed=2.5), {}, SLOW, 5.5),
        (facts("RUNNING", claimed=9), INGESTED, PULL, 0.0),
        (facts("COMPLETED", claimed=0.1), {}, None, 0.0),
        # A resource that shows a state shows every other one.
        (facts("PENDING"), WAITED, CAP, 0.0),
        (facts("RUNNING", claimed=1.5), WAITED, SLOW, 0.5),
        (facts("RUNNING", claimed=0.1), WAITED, PULL, 0.0),
        (facts("RUNNING", RUN, claimed=0.1), WAITED, None, 0.0),
        (facts("RUNNING", RUN, claimed=90), STARTING, None, 0.0),
        (facts("RUNNING"), STARTING, SLOW, 0.0),
        (facts("FAILED"), STARTING, None, 0.0),
        # Messages alone are not written.
        (facts("PENDING"), WAITED, SAME_CAP, None),
        (facts("RUNNING"), STARTING, WaitReason("ImagePull", "back-off"), None),
        (facts("RUNNING", RUN), SHOWN, None, None),
        # A restored database is shown at once.
        (facts("RUNNING", claimed=90), {**STARTING, "phase": "COMPLETED"}, None, 0.0),
        (facts("RUNNING", claimed=90), {**STARTING, "jobId": "another"}, None, 0.0),
        (facts("PENDING", claimed=1), STARTING, CAP, 0.0),
    ],
)
def test_when_a_status_is_written(
    given: JobFacts, shown: dict[str, Any], why: WaitReason | None, expected: float | None
) -> None:
    wanted = build_status(given, shown, why, 1)
    assert due_in(given, shown, wanted, DELAYS) == (None if expected is None else pytest.approx(expected))


def kstatus(status: dict[str, Any], generation: int = 1) -> str:
    """The status that kstatus computes for a custom resource: its rules for resources of unknown kinds."""
    if status.get("observedGeneration", generation) != generation:
        return "InProgress"
    true = {entry["type"] for entry in status.get("conditions") or [] if entry["status"] == "True"}
    return "InProgress" if "Reconciling" in true else "Failed" if "Stalled" in true else "Current"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (WAITED, "InProgress"),
        (STARTING, "InProgress"),
        (SHOWN, "InProgress"),
        (build_status(facts("COMPLETED", RUN), SHOWN, None, 1), "Current"),
        (build_status(facts("FAILED", RUN), SHOWN, None, 1), "Failed"),
        (refused_status({}, "Invalid", "no", NOW, 1), "Failed"),
        (refused_status(SHOWN, "RowLost", "no", NOW, 1), "Failed"),
    ],
)
def test_kstatus_reads_progress_and_failure(status: dict[str, Any], expected: str) -> None:
    assert kstatus(status) == expected


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
        facts("PENDING", requested_by="ann"),
        queue,
        Caps(20, {"document": 5}, 1),
        dict.fromkeys(blocked_types, "0/1 nodes are available"),
    )
    assert waiting.reason == reason
    assert waiting.message.endswith("Place 3 in the queue at 03:04:05Z")


def test_a_refused_object_says_why() -> None:
    status = refused_status({}, "NameReserved", "no", NOW, 1)
    assert is_refused(status)
    assert status["conditions"] == [
        condition("Refused", "True", "NameReserved", 0, "no"),
        condition("Succeeded", "False", "Refused", 0, "no"),
        condition("Stalled", "True", "Refused", 0, "no"),
    ]
    assert (status["reason"], status["message"]) == ("Refused", "NameReserved: no")
    assert "phase" not in status
