"""Run every check, in order, over one job or a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regen_core.states import JobStatus
from regen_verify import objects, rows, trail
from regen_verify.records import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from regen_verify.records import ClusterObject, JobRecord, Snapshot

    Check = Callable[[JobRecord, Snapshot], Iterator[Violation]]

CHECKS: Final[tuple[Check, ...]] = (
    rows.columns,
    rows.fence,
    rows.outputs,
    rows.deadline,
    rows.starts,
    trail.chain,
    trail.complete,
    objects.stored,
    objects.manifest,
    objects.provenance,
)
AUDIT_CHECKS: Final[tuple[Check, ...]] = (trail.chain, trail.complete)


def check(snapshot: Snapshot, checks: Collection[Check] = CHECKS) -> list[Violation]:
    """Return every violation: by job, then of events and cluster objects without a job."""
    found = [violation for job in snapshot.jobs for violation in check_job(job, snapshot, checks)]
    return [*found, *_without_row(snapshot), *_left_over(snapshot)]


def check_job(job: JobRecord, snapshot: Snapshot, checks: Collection[Check] = CHECKS) -> list[Violation]:
    """Return every violation of one job, in the order of ``checks``."""
    return [violation for one in checks for violation in one(job, snapshot)]


def _without_row(snapshot: Snapshot) -> Iterator[Violation]:
    in_cluster = {one.job_id for one in snapshot.cluster or ()}
    for job_id in sorted(snapshot.missing - in_cluster):
        message = "the job's row is missing, but audit events name the job"
        remedy = (
            "someone bypassed the guards and deleted the row. Restore it from a backup, and find out who has the owner's login"
        )
        yield Violation(Invariant.AUDIT_COMPLETE, job_id, message, remedy)


def _left_over(snapshot: Snapshot) -> Iterator[Violation]:
    jobs = {job.id: job for job in snapshot.jobs}
    for one in snapshot.cluster or ():
        job = jobs.get(one.job_id)
        if one.job_id in snapshot.missing:
            message = f"{_named(one)} belongs to a job without a row"
            yield Violation(Invariant.CLUSTER, one.job_id, message, _delete(one))
        elif job is not None and one.kind != "RegenerationJob" and _is_stale(job, snapshot):
            message = f"{_named(one)} still exists, but its job is {job.status}"
            yield Violation(Invariant.CLUSTER, one.job_id, message, _delete(one))


def _is_stale(job: JobRecord, snapshot: Snapshot) -> bool:
    if job.status is JobStatus.PENDING:
        return True
    return job.completed_at is not None and snapshot.now - job.completed_at > snapshot.limits.cleanup_within


def _named(one: ClusterObject) -> str:
    return f"{one.kind} {one.namespace}/{one.name}"


def _delete(one: ClusterObject) -> str:
    command = f"kubectl -n {one.namespace} delete {one.kind.lower()} {one.name}"
    return f"check that the operator is running. If the object remains, run {command}"
