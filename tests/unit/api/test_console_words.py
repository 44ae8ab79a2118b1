"""Are a job's life, failure, waiting and figures told as they are?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from regen_api.console.overview import HEIGHT, bars
from regen_api.console.timeline import duration, size, timeline
from regen_api.console.waiting import reason
from regen_api.console.words import failure
from regen_api.jobs.views import Event, Job, Waiting
from regen_core.errors import Classification, JobError
from regen_core.states import Caps, JobStatus

BEGIN = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - the database's stamps are UTC without a zone


def job(**fields: Any) -> Job:
    given: dict[str, Any] = dict.fromkeys(Job.model_fields) | {
        "id": "a",
        "type": "document",
        "status": JobStatus.PENDING,
        "priority": 0,
        "created_at": BEGIN,
        "instruction": {},
        "outputs": [],
    }
    return Job(**(given | fields))


def event(name: str, status: JobStatus, seconds: float, **detail: Any) -> Event:
    at = BEGIN + timedelta(seconds=seconds)
    return Event(id=1, event=name, status=status, actor="op", at=at, detail=detail, detail_text="", prev_hash=None, hash=name)


def waits(running: int, of_type: int, of_requester: int, place: int | None) -> Waiting:
    return Waiting(running=running, running_of_type=of_type, running_of_requester=of_requester, place=place)


@pytest.mark.parametrize("classification", list(Classification))
def test_every_classification_has_words_and_advice(classification: Classification) -> None:
    told = failure(JobError(classification, "this is why", detail={"field": "a", "trace": "line 1"}).as_json())
    unknown = failure({"classification": "other", "message": "m"})
    assert told is not None
    assert unknown is not None
    assert (told.message, told.trace, told.detail, told.retryable) == ("this is why", "line 1", {"field": "a"}, False)
    assert told.title != unknown.title
    assert told.advice.endswith(".")


@pytest.mark.parametrize(
    "error", ["boom", [1], {}, {"message": None}, {"detail": "x"}, 7, {"classification": 5, "detail": {"trace": 5}}]
)
def test_an_error_from_before_regen_is_told_somehow(error: object) -> None:
    told = failure(error)
    assert told is not None
    assert (told.title, told.retryable, told.trace) == ("It failed", False, None)
    assert told.message


def test_no_error_is_no_failure() -> None:
    assert failure(None) is None


def test_a_life_is_the_request_and_every_event_with_the_time_between() -> None:
    events = [
        event("REGEN_JOB_LOCKED", JobStatus.RUNNING, 2),
        event("REGEN_JOB_STARTED", JobStatus.RUNNING, 5),
        event("REGEN_JOB_COMPLETED", JobStatus.COMPLETED, 65),
    ]
    steps = timeline(job(requested_by="ada"), events)
    assert [(step.name, step.after and step.after.total_seconds(), step.tone) for step in steps] == [
        ("Requested", None, "pending"),
        ("Claimed", 2, "running"),
        ("Started", 3, "running"),
        ("Completed", 60, "completed"),
    ]
    assert steps[0].sentence == "Requested by ada."


def test_a_repaired_event_is_marked_and_goes_back_in_time_for_nobody() -> None:
    events = [
        event("REGEN_JOB_STARTED", JobStatus.RUNNING, 5),
        event("REGEN_JOB_LOCKED", JobStatus.RUNNING, 2, repaired=True),
        event("SOMETHING_NEW", JobStatus.RUNNING, 9),
    ]
    steps = timeline(job(), events)
    assert [step.is_repaired for step in steps] == [False, False, True, False]
    assert steps[2].after == timedelta()
    assert (steps[3].name, steps[3].sentence) == ("SOMETHING_NEW", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (12.4, "12 s"),
        (59.6, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (7440, "2 h 4 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3_355_443, "3.2 MiB"), (5 * 1024**3, "5.0 GiB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("queue", "caps", "text"),
    [
        (waits(0, 0, 0, 1), None, "number 1 in the queue; no job runs"),
        (waits(2, 1, 0, None), None, "beyond the first 1,000 of the queue; 2 jobs run, 1 of type document"),
        (
            waits(5, 5, 0, 3),
            Caps(total=5, per_type={"document": 5}),
            "the limit for type document is reached: 5 of 5 run; number 3",
        ),
        (waits(5, 1, 2, 3), Caps(total=9, per_requester=2), "the limit for ada is reached: 2 of 2 run; number 3"),
        (waits(9, 1, 2, 3), Caps(total=9), "the limit for all jobs is reached: 9 of 9 run; number 3"),
        (waits(8, 1, 2, 3), Caps(total=9), "a slot is free; number 3"),
    ],
)
def test_the_narrowest_cap_is_named(queue: Waiting, caps: Caps | None, text: str) -> None:
    assert reason(job(requested_by="ada"), queue, caps).startswith(text)


def test_bars_fill_the_height_and_leave_nothing_unseen() -> None:
    found = bars((0, 1000, 1), (0, 0, 1))
    assert [(bar.completed, bar.failed) for bar in found] == [(0, 0), (HEIGHT, 0), (2, 2)]
    assert bars((0, 0), (0, 0)) == []
