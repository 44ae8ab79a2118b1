"""Check a job's own rows: columns, fence, outputs, deadline."""

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
    "someone bypassed the guards. Run `regen migrate --check`, find out who has the owner's or a superuser's login, and "
    "restore the rows from a backup"
)

_END_IT: Final = "check that an operator is running and leads (its log, the Lease regen-operator). Its sweep fails such a job"
_ENDED_LATE: Final = (
    "the outcome is valid and needs no repair. Check the logs of that time: did an operator lead and reach database and "
    "Kubernetes? If an outage explains it, or the class is allowed to take longer, raise `regen fsck --overdue-after`"
)

_COLUMNS: Final = {
    JobStatus.PENDING: (False, False, False, False),
    JobStatus.RUNNING: (True, False, False, False),
    JobStatus.COMPLETED: (True, True, True, False),
    JobStatus.FAILED: (True, True, False, True),
}
"""Which of lockedAt, completedAt, outputRef and errorJson each status has."""


def columns(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """Each status has exactly its columns."""
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
            message = f"{name} is {'missing' if wanted else 'set'} in a {job.status} job"
            yield Violation(Invariant.COLUMNS, job.id, message, _TAMPERED)
    if job.status is JobStatus.FAILED and job.error is not None and not isinstance(job.error, dict):
        message = f"errorJson is not an object but {type(job.error).__name__} in a FAILED job"
        yield Violation(Invariant.COLUMNS, job.id, message, _TAMPERED)


def fence(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """A PENDING job was never started; a COMPLETED job was."""
    del snapshot
    if job.status is JobStatus.PENDING and job.fence is not None:
        message = f"pod {job.fence.pod_name} holds the fence of a PENDING job"
        yield Violation(Invariant.FENCE, job.id, message, _TAMPERED)
    if job.status is JobStatus.COMPLETED and job.fence is None and not job.ended_before_regen:
        message = "the fence of the pod that ran the COMPLETED job is missing"
        yield Violation(Invariant.FENCE, job.id, message, _TAMPERED)


def outputs(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """A COMPLETED job has outputs, all beside its manifest in its own folder. Other jobs have none."""
    del snapshot
    if job.status is not JobStatus.COMPLETED:
        if job.outputs:
            message = f"a {job.status} job has {len(job.outputs)} outputs"
            yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)
        return
    if job.ended_before_regen:
        return
    if not job.outputs:
        message = "a COMPLETED job has no outputs"
        yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)
    own = "/" + quote(artifact_key(job.type or "", job.id, MANIFEST_NAME))
    if job.output_ref is None or not job.output_ref.endswith(own):
        message = f"outputRef does not end in {own}: {job.output_ref or 'none'}"
        yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)
        return
    folder = job.output_ref.removesuffix(MANIFEST_NAME)
    for output in job.outputs:
        if output.ref != folder + quote(output.name):
            message = f"output {output.name} is at {output.ref}, not {folder + quote(output.name)}"
            yield Violation(Invariant.OUTPUTS, job.id, message, _TAMPERED)


def deadline(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """A claimed job ends in time.

    A job that was RUNNING when regen was installed was claimed by another program: this checks only that it ends, not when.
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
        state = "has not ended" if job.status is JobStatus.RUNNING else f"ended after {ceil(took.total_seconds())} s, not"
        message = f"the job claimed at {job.locked_at:%Y-%m-%dT%H:%M:%S}Z {state} within {wanted} s"
        yield Violation(Invariant.DEADLINE, job.id, message, remedy)


def starts(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """The executor started at most once, never without a fence, and always before COMPLETED."""
    if snapshot.starts is None:
        return
    count = snapshot.starts.get(job.id, 0)
    most = 1 if job.fence is not None else 0
    least = 1 if job.status is JobStatus.COMPLETED else 0
    if not least <= count <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        fenced = "a" if job.fence is not None else "no"
        message = f"the executor of a {job.status} job with {fenced} fence started {count} times, not {wanted}"
        yield Violation(Invariant.STARTS, job.id, message, "this is a bug in regen. Keep the pods' logs and report it")
