"""Checks over a job's own rows: columns, fence, outputs, deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from regen_core.invariants.records import Invariant, Violation
from regen_core.names import MANIFEST_NAME, artifact_key
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_core.invariants.records import JobRecord, Snapshot

_TAMPERED: Final = (
    "the guards do not let this be written: run `regen migrate --check`, then find out who has the owner's or a "
    "superuser's login, and restore the rows from a backup"
)

_COLUMNS: Final = {
    JobStatus.PENDING: (False, False, False, False),
    JobStatus.RUNNING: (True, False, False, False),
    JobStatus.COMPLETED: (True, True, True, False),
    JobStatus.FAILED: (True, True, False, True),
}
"""Which of lockedAt, completedAt, outputRef and errorJson a status has."""


def columns(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """Each status has its columns and no others."""
    del snapshot
    if job.ended_before_regen:
        return
    values = {
        "lockedAt": job.locked_at,
        "completedAt": job.completed_at,
        "outputRef": job.output_ref,
        "errorJson": job.error,
    }
    for (name, value), wanted in zip(values.items(), _COLUMNS[job.status], strict=True):
        if (value is not None) != wanted:
            expected, found = ("a value", "none") if wanted else ("none", "one")
            message = f"{name}: expected {expected} in a {job.status} job, got {found}"
            yield Violation(Invariant.COLUMNS, job.id, message, _TAMPERED)


def fence(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """A PENDING job was never started, a COMPLETED one was."""
    del snapshot
    if job.status is JobStatus.PENDING and job.fence is not None:
        message = f"fence: expected none in a PENDING job, got that of pod {job.fence.pod_name}"
        yield Violation(Invariant.FENCE, job.id, message, _TAMPERED)
    if job.status is JobStatus.COMPLETED and job.fence is None and not job.ended_before_regen:
        message = "fence: expected that of the pod which ran the COMPLETED job, got none"
        yield Violation(Invariant.FENCE, job.id, message, _TAMPERED)


def outputs(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """A COMPLETED job has outputs, all beside its manifest and in its own folder; any other job has none."""
    del snapshot
    if job.status is not JobStatus.COMPLETED:
        if job.outputs:
            message = f"outputs: expected none of a {job.status} job, got {len(job.outputs)}"
            yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)
        return
    if job.ended_before_regen:
        return
    if not job.outputs:
        message = "outputs: expected at least one of a COMPLETED job, got none"
        yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)
    own = "/" + quote(artifact_key(job.type or "", job.id, MANIFEST_NAME))
    if job.output_ref is None or not job.output_ref.endswith(own):
        message = f"outputRef: expected a URL that ends in {own}, got {job.output_ref or 'none'}"
        yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)
        return
    folder = job.output_ref.removesuffix(MANIFEST_NAME)
    for output in job.outputs:
        if output.ref != folder + quote(output.name):
            message = f"output {output.name}: expected its object at {folder + quote(output.name)}, got {output.ref}"
            yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)


def deadline(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """A RUNNING job is not older than any may be."""
    if job.status is not JobStatus.RUNNING or job.locked_at is None:
        return
    late = snapshot.now - job.locked_at - snapshot.limits.overdue_after
    if late.total_seconds() > 0:
        seconds = round(snapshot.limits.overdue_after.total_seconds())
        message = f"expected an end within {seconds} s of the claim at {job.locked_at:%Y-%m-%dT%H:%M:%S}Z, got none"
        remedy = "see that an operator runs and leads (its log, the Lease regen-operator): its sweep ends such a job"
        yield Violation(Invariant.DEADLINE, job.id, message, remedy)


def starts(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """Nobody saw the executor start twice, or start without a fence, or complete without a start."""
    if snapshot.starts is None:
        return
    count = snapshot.starts.get(job.id, 0)
    most = 1 if job.fence is not None else 0
    least = 1 if job.status is JobStatus.COMPLETED else 0
    if not least <= count <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        fenced = "a" if job.fence is not None else "no"
        message = f"executor starts: expected {wanted} of a {job.status} job with {fenced} fence, got {count}"
        yield Violation(Invariant.STARTS, job.id, message, "a fault of regen: keep the pods' logs, and report it")
