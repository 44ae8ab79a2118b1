"""Is every mix of a job's rows that cannot be right found, and every right one let through?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regen_core.audit_chain import AuditRecord
from regen_core.audit_events import ADOPTED
from regen_core.states import JobStatus
from regen_verify import FenceRecord, Invariant, JobRecord, Limits, check
from tests.unit.verify.lives import FOLDER, LOST, NOW, T0, at, chained, job, output, snapshot, trail

EVERY_LIFE = [
    job(JobStatus.PENDING),
    job(JobStatus.RUNNING, started=False),
    job(JobStatus.RUNNING),
    job(JobStatus.COMPLETED),
    job(JobStatus.FAILED, started=False),
    job(JobStatus.FAILED),
]


def found(record: JobRecord, **changes: Any) -> list[tuple[Invariant, str]]:
    return [(one.invariant, one.message) for one in check(snapshot(record, **changes))]


@pytest.mark.parametrize("record", EVERY_LIFE)
def test_a_right_job_violates_nothing(record: JobRecord) -> None:
    assert found(record) == []


@pytest.mark.parametrize("field", ["locked_at", "completed_at", "output_ref", "error"])
@pytest.mark.parametrize("record", EVERY_LIFE)
def test_a_column_that_a_status_does_not_have_or_lacks(record: JobRecord, field: str) -> None:
    values = {"locked_at": T0, "completed_at": T0, "output_ref": f"{FOLDER}manifest.json", "error": LOST}
    spoiled = replace(record, **{field: None if getattr(record, field) is not None else values[field]})
    assert Invariant.COLUMNS in {one.invariant for one in check(snapshot(spoiled))}


@pytest.mark.parametrize("error", ["lost", ["lost"], 7])
def test_an_error_that_is_no_object(error: Any) -> None:
    spoiled = replace(job(JobStatus.FAILED), error=error, events=trail(replace(job(JobStatus.FAILED), error={})))
    message = f"errorJson is not an object but {type(error).__name__} in a FAILED job"
    assert found(spoiled) == [(Invariant.COLUMNS, message)]


def test_the_message_names_the_column_and_what_was_expected() -> None:
    [violation, *_] = check(snapshot(job(JobStatus.RUNNING, output_ref="x")))
    assert violation.job_id == "j"
    assert violation.message == "outputRef is set in a RUNNING job"
    assert "regen migrate --check" in violation.remedy


def test_a_waiting_job_with_a_fence() -> None:
    assert Invariant.FENCE in dict(found(job(JobStatus.PENDING, fence=FenceRecord("u", "p", T0))))


def test_a_completed_job_without_a_fence() -> None:
    assert Invariant.FENCE in dict(found(job(JobStatus.COMPLETED, fence=None)))


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.FAILED])
def test_outputs_of_a_job_that_did_not_complete(status: JobStatus) -> None:
    assert found(job(status, outputs=(output(),))) == [(Invariant.OUTPUTS, f"a {status} job has 1 outputs")]


def test_a_completed_job_without_outputs() -> None:
    assert (Invariant.OUTPUTS, "a COMPLETED job has no outputs") in found(job(JobStatus.COMPLETED, outputs=()))


@pytest.mark.parametrize("ref", ["s3://bucket/outputs/document/other/manifest.json", "s3://bucket/outputs/document/j/a.pdf"])
def test_a_manifest_outside_the_jobs_folder(ref: str) -> None:
    assert Invariant.OUTPUTS in dict(found(job(JobStatus.COMPLETED, output_ref=ref)))


def test_an_output_outside_the_jobs_folder() -> None:
    elsewhere = replace(output(), ref="s3://bucket/outputs/document/other/a.pdf")
    assert Invariant.OUTPUTS in dict(found(job(JobStatus.COMPLETED, outputs=(elsewhere, output("b.txt", "b")))))


def test_a_job_id_that_a_url_must_quote() -> None:
    ref = "file:///out/document/j%C3%B6b%20%23/manifest.json"
    record = job(JobStatus.COMPLETED, id="jöb #", output_ref=ref, outputs=(replace(output(), ref=f"{ref[:-13]}a.pdf"),))
    assert Invariant.OUTPUTS not in dict(found(replace(record, events=(), objects=None)))


@pytest.mark.parametrize(("seconds", "late"), [(599, False), (601, True)])
def test_a_running_job_past_its_deadline(seconds: int, *, late: bool) -> None:
    limits = Limits(overdue_after=timedelta(minutes=10))
    names = dict(found(job(JobStatus.RUNNING), now=at(1 + seconds), limits=limits))
    assert (Invariant.DEADLINE in names) is late


def ended_after(seconds: float, status: JobStatus) -> JobRecord:
    """A job that was claimed at the second 1 and whose trail says the same as its rows."""
    record = job(status, completed_at=at(1 + seconds))
    return replace(record, events=trail(record))


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
@pytest.mark.parametrize(("seconds", "late"), [(600, False), (601, True)])
def test_a_job_that_ended_past_its_deadline(status: JobStatus, seconds: int, *, late: bool) -> None:
    """However long ago that was, and whatever its end."""
    limits = Limits(overdue_after=timedelta(minutes=10))
    message = "the job claimed at 2026-01-02T03:04:06Z ended after 601 s, not within 600 s"
    violations = found(ended_after(seconds, status), now=at(86400), limits=limits)
    assert violations == ([(Invariant.DEADLINE, message)] if late else [])


def test_a_late_end_needs_no_repair() -> None:
    [violation] = check(snapshot(ended_after(3 * 3600, JobStatus.FAILED)))
    assert "needs no repair" in violation.remedy
    assert "raise `regen fsck --overdue-after`" in violation.remedy


def test_a_job_that_waited_before_regen_and_ended_late_was_claimed_by_regen() -> None:
    record = ended_after(3 * 3600, JobStatus.FAILED)
    adopted = AuditRecord(0, ADOPTED, "j", "PENDING", "me", T0, "{}", None, "")
    assert [one for one, _ in found(replace(record, events=chained([adopted, *record.events])))] == [Invariant.DEADLINE]


def test_a_job_that_ran_before_regen_and_ended_late_was_not_claimed_by_regen() -> None:
    record = job(JobStatus.FAILED, started=False, completed_at=at(3 * 3600))
    adopted = AuditRecord(0, ADOPTED, "j", "RUNNING", "me", T0, "{}", None, "")
    [_, failed] = trail(record)
    assert found(replace(record, events=chained([adopted, failed]))) == []


@pytest.mark.parametrize(
    ("record", "starts", "message"),
    [
        (job(JobStatus.COMPLETED), 1, None),
        (job(JobStatus.COMPLETED), 2, "the executor of a COMPLETED job with a fence started 2 times, not 1"),
        (job(JobStatus.COMPLETED), 0, "the executor of a COMPLETED job with a fence started 0 times, not 1"),
        (job(JobStatus.RUNNING), 0, None),
        (job(JobStatus.FAILED), 2, "the executor of a FAILED job with a fence started 2 times, not 0 to 1"),
        (job(JobStatus.FAILED, started=False), 1, "the executor of a FAILED job with no fence started 1 times, not 0"),
    ],
)
def test_executor_starts_that_someone_counted(record: JobRecord, starts: int, message: str | None) -> None:
    assert found(record, starts={"j": starts}) == ([] if message is None else [(Invariant.STARTS, message)])


def test_a_job_that_ended_before_regen_is_not_judged() -> None:
    event = AuditRecord(1, ADOPTED, "j", "COMPLETED", "me", NOW, "{}", None, "")
    record = JobRecord(
        id="j", type=None, status=JobStatus.COMPLETED, priority=0, requested_by=None, retry_of=None, created_at=T0,
        events=chained([event]),
    )  # fmt: skip
    assert found(record) == []


def test_a_job_that_ran_before_regen_ends_as_failed_without_a_claim_of_ours() -> None:
    adopted = AuditRecord(1, ADOPTED, "j", "RUNNING", "me", at(2), "{}", None, "")
    record = job(JobStatus.FAILED, started=False)
    [_, failed] = record.events
    assert found(replace(record, events=chained([adopted, failed]))) == []
