"""May a job differ from an earlier look at it only as the table of transitions says? (rules R1, R4, R5, R6)"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from regen_core.states import JobStatus
from regen_verify import FenceRecord, Invariant, JobObjects, JobRecord, ObjectRecord, check_change
from tests.unit.verify.lives import FOLDER, LOST, T0, at, job, output

BY_STATUS = {status: job(status) for status in JobStatus}
ALLOWED = {
    (JobStatus.PENDING, JobStatus.RUNNING),
    (JobStatus.PENDING, JobStatus.COMPLETED),
    (JobStatus.PENDING, JobStatus.FAILED),
    (JobStatus.RUNNING, JobStatus.COMPLETED),
    (JobStatus.RUNNING, JobStatus.FAILED),
}


def messages(before: JobRecord, after: JobRecord) -> list[str]:
    return [one.message for one in check_change(before, after)]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobStatus, JobStatus)))
def test_only_legal_transitions_pass(before: JobStatus, after: JobStatus) -> None:
    moved = any(message.startswith("status ") for message in messages(BY_STATUS[before], BY_STATUS[after]))
    assert moved is not ((before, after) in ALLOWED or before is after)


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_a_legal_transition_has_no_violations(before: JobStatus, after: JobStatus) -> None:
    assert messages(BY_STATUS[before], BY_STATUS[after]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"type": "export"},
        {"priority": 9},
        {"requested_by": None},
        {"retry_of": "k"},
        {"created_at": at(9)},
        {"instruction": {}},
        {"locked_at": at(9)},
        {"completed_at": None},
        {"output_ref": "s3://other"},
        {"fence": FenceRecord("other", "pod", T0)},
        {"outputs": (output(),)},
        {"events": ()},
        {"objects": JobObjects({f"{FOLDER}a.pdf": ObjectRecord(5, "c" * 64)})},
    ],
)
def test_what_never_changes(change: dict[str, Any]) -> None:
    completed = BY_STATUS[JobStatus.COMPLETED]
    violations = check_change(completed, replace(completed, **change))
    assert violations
    assert {one.invariant for one in violations} == {Invariant.IMMUTABLE}


def test_an_error_is_set_once() -> None:
    failed = BY_STATUS[JobStatus.FAILED]
    assert messages(failed, replace(failed, error=LOST | {"retryable": False})) == ["error changed after it was set"]


def test_two_jobs_are_not_compared() -> None:
    record = BY_STATUS[JobStatus.PENDING]
    with pytest.raises(ValueError, match="two snapshots of one job"):
        check_change(record, replace(record, id="k"))
