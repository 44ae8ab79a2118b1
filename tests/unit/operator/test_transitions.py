"""Is each fence and each end logged once, with pod and durations, and nothing that happened before we led?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from regen_core.states import JobStatus
from regen_operator.rows.values import JobFacts, JobRow, Outcome, RunRow
from regen_operator.telemetry.transitions import Transitions
from tests.unit.operator.values import NOW


def facts(
    job_id: str = "j", *, started: float | None = 3, ended: float | None = None, now: float = 10, **more: Any
) -> JobFacts:
    """A job made at 0, claimed at 1; the rest in seconds after NOW."""
    at = {name: None if s is None else NOW + timedelta(seconds=s) for name, s in (("started", started), ("ended", ended))}
    status = JobStatus.RUNNING if ended is None else JobStatus.FAILED
    row = JobRow(
        id=job_id, type="document", status=status, created_at=NOW, locked_at=NOW + timedelta(seconds=1),
        completed_at=at["ended"], **more,
    )  # fmt: skip
    run = None if at["started"] is None else RunRow("u", "regen-j-x", at["started"])
    return JobFacts(row, run, NOW + timedelta(seconds=now))


@pytest.fixture
def transitions() -> Transitions:
    made = Transitions(overlap_seconds=20)
    made.begin()
    return made


def test_each_is_logged_once_with_what_it_took(transitions: Transitions) -> None:
    error = {"classification": "lost", "message": "gone", "retryable": True}
    with capture_logs() as lines:
        for _ in range(3):
            transitions.saw([facts()])
        for _ in range(3):
            transitions.saw([facts(ended=7.5, error=error)])
    assert lines == [
        {
            "event": "job started", "log_level": "info", "job_id": "j", "type": "document", "pod": "regen-j-x",
            "start_seconds": 2.0,
        },
        {
            "event": "job ended", "log_level": "info", "job_id": "j", "type": "document", "status": "FAILED",
            "classification": "lost", "message": "gone", "pod": "regen-j-x",
            "queued_seconds": 1.0, "start_seconds": 2.0, "run_seconds": 4.5,
        },
    ]  # fmt: skip


def test_what_the_mirror_did_not_see_the_queue_metrics_log(transitions: Transitions) -> None:
    moments = [NOW + timedelta(seconds=seconds) for seconds in (0, 1, 3, 7)]
    ended = [Outcome(job_id, "document", JobStatus.COMPLETED, None, None, None, "p", *moments) for job_id in ("j", "other")]
    with capture_logs() as lines:
        transitions.saw([facts(ended=7)])
        for outcome in ended:
            transitions.ended(outcome)
    assert [(line["event"], line["job_id"]) for line in lines] == [
        ("job started", "j"), ("job ended", "j"), ("job ended", "other")
    ]  # fmt: skip


def test_what_is_older_than_our_leading_is_not_logged(transitions: Transitions) -> None:
    with capture_logs() as lines:
        transitions.saw([facts("old", started=3, ended=4, now=100), facts("new", started=3, ended=95, now=100)])
    assert [(line["event"], line["job_id"]) for line in lines] == [("job ended", "new")]
