"""Checks over a job's own rows: columns, fence, outputs, deadline."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from regen_core.names import MANIFEST_NAME, artifact_key
from regen_core.states import JobStatus
from regen_verify.records import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_verify.records import JobRecord, Snapshot

_TAMPERED: Final = (
    "the guards do not let this be written: run `regen migrate --check`, then find out who has the owner's or a "
    "superuser's login, and restore the rows from a backup"
)

_END_IT: Final = "see that an operator runs and leads (its log, the Lease regen-operator): its sweep ends such a job"
_ENDED_LATE: Final = (
    "the outcome stands and nothing is to be repaired: see in the logs of that time whether an operator led and reached "
    "database and API; where an outage explains it, or a class may take longer, give a longer limit "
    "(`regen fsck --overdue-after`)"
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
    if job.status is JobStatus.FAILED and job.error is not None and not isinstance(job.error, dict):
        message = f"errorJson: expected an object in a FAILED job, got {type(job.error).__name__}"
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
    """A claimed job ends in time: one that ended did, one that runs still may.

    A job that was RUNNING when regen was installed was claimed by somebody else: only that it ends is judged, not when it did.
    """
    if job.status is JobStatus.PENDING or job.locked_at is None:
        return
    if job.status is JobStatus.RUNNING:
        ended, remedy = snapshot.now, _END_IT
    elif job.completed_at is None or job.adopted_as not in {None, JobStatus.PENDING}:
        return
    else:
        ended, remedy = job.completed_at, _ENDED_LATE
    took = ended - job.locked_at
    if took > snapshot.limits.overdue_after:
        wanted = round(snapshot.limits.overdue_after.total_seconds())
        got = "none" if job.status is JobStatus.RUNNING else f"one after {ceil(took.total_seconds())} s"
        message = f"expected an end within {wanted} s of the claim at {job.locked_at:%Y-%m-%dT%H:%M:%S}Z, got {got}"
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
