"""Decides what to do with a job whose end nobody reports: the table in docs/state-machine.md as an ordered list of pure checks.

The first check that returns a decision wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from regen_core.errors import Classification, JobError
from regen_core.states import Fail, FailCondition, JobStatus
from regen_operator.kube.errors import is_quota, is_refusal
from regen_operator.kube.views import never_starts, waiting_for, why_it_died, why_it_never_started
from regen_operator.launch.launcher import not_this_jobs
from regen_operator.reasons import FailureCause, StartReason
from regen_operator.recover.snapshot import Snapshot


class Action(StrEnum):
    """What the reconciler does next."""

    NOTHING = "nothing"
    WAIT = "wait"
    LAUNCH = "launch"
    FAIL = "fail"
    DELETE_JOB = "delete-job"


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of a check.

    Attributes:
        action: what to do.
        reason: one word for programs; of a job that has not started, its ``status.reason``.
        message: one sentence for people.
        revisit_seconds: examine the job again after this time, even without an event.
        fail: with ``FAIL``, the transition to write.
        delete_job: with ``FAIL``, delete the Job after the row is FAILED.
    """

    action: Action
    reason: str
    message: str
    revisit_seconds: float | None = None
    fail: Fail | None = None
    delete_job: bool = False


Check = Callable[[Snapshot], "Decision | None"]

START_REVISIT_SECONDS: Final = 10.0
"""Delay of the first examination of a starting job; the delay doubles each time, since watches report changes."""
LONGEST_START_REVISIT_SECONDS: Final = 25.0
"""A missed watch event is found within half a minute."""
RUN_REVISIT_SECONDS: Final = 60.0
DELETION_EVENT_SECONDS: Final = 3.0
"""Time for the watch to report who deleted a missing Job: Jobs and pods are two watches, which can lag each other."""


def decide(snapshot: Snapshot) -> Decision:
    """The first decision that a check returns; the last check always does."""
    return next(decision for check in CHECKS if (decision := check(snapshot)) is not None)


def not_claimed(s: Snapshot) -> Decision | None:
    """PENDING: not claimed yet."""
    if s.row.status is not JobStatus.PENDING:
        return None
    return Decision(Action.NOTHING, "Pending", "the job is not claimed")


def terminal_with_active_job(s: Snapshot) -> Decision | None:
    """Row terminal, Job active: publish is exiting, or its node is partitioned. After the grace period the Job is deleted."""
    if not s.row.status.is_terminal:
        return None
    if s.job is None or s.job.is_finished or s.job.deleting or not s.job.is_ours(s.row.id):
        return Decision(Action.NOTHING, "Ended", "the job has ended")
    left = s.limits.grace - s.ended_for
    if left > 0:
        return Decision(Action.WAIT, "Ending", "the pod has its grace period to exit", revisit_seconds=left)
    return Decision(Action.DELETE_JOB, "StillActive", "the job has ended and its Job is still active")


def foreign_job(s: Snapshot) -> Decision | None:
    """An object of another owner has the Job's name: it is never adopted and never deleted."""
    if s.job is None or s.job.is_ours(s.row.id):
        return None
    return _fail(s, not_this_jobs(s.job.name, s.job.uid), "NotOurs", delete_job=False)


def overdue(s: Snapshot) -> Decision | None:
    """Past every deadline: no report will come, whatever the Kubernetes API shows."""
    if s.overdue_in >= 0:
        return None
    # The pod's end explains the failure best; a pod that still appears alive does not explain it.
    error = None
    if s.run is not None and not s.pod_is_alive and s.job is not None:
        error = why_it_died(s.job, s.pod, deleted_by_user=s.deletion_seen)
    if error is None:
        message = f"no report within {s.limits.total:.0f} seconds of the claim"
        error = JobError(Classification.LOST, message, retryable=True, detail={"fence": s.run is not None})
    return Decision(
        Action.FAIL, "Overdue", error.message, fail=Fail(s.row.id, error, FailCondition.ANY), delete_job=s.job is not None
    )


def no_fence_cancelled(s: Snapshot) -> Decision | None:
    """No fence, and the Job was deleted by another actor: the emergency stop, not a lost launch."""
    being_deleted = s.job is not None and s.job.deleting and not s.job.is_finished
    if s.run is not None or not (s.deletion_seen or being_deleted):
        return None
    error = why_it_never_started(s.job, s.pod, deleted_by_user=True)
    return _fail(s, error, "Cancelled", delete_job=s.job is not None and not s.job.deleting)


def no_fence_no_job(s: Snapshot) -> Decision | None:
    """No fence, no Job: the operator stopped between claim and launch. Relaunching is safe until the fence is taken.

    If this process launched the Job, a user may have deleted it. Wait for the event that says so: a job that a user stopped
    must not be launched again.
    """
    if s.run is not None or s.job is not None:
        return None
    if s.launched and s.job_missing_for < DELETION_EVENT_SECONDS:
        left = DELETION_EVENT_SECONDS - s.job_missing_for
        return Decision(Action.WAIT, StartReason.LAUNCHING, "the Job is missing", revisit_seconds=left)
    return Decision(Action.LAUNCH, StartReason.LAUNCHING, "the job is claimed and its Job is being created")


def no_fence_job_ended(s: Snapshot) -> Decision | None:
    """No fence, and the Job has failed, is suspended or has finished: no pod will take the fence."""
    if s.run is not None or s.job is None:
        return None
    if s.job.failure is None and not s.job.suspended and not s.job.is_complete:
        return None
    return _fail(s, why_it_never_started(s.job, s.pod, deleted_by_user=False), "NeverStarted", delete_job=True)


def no_fence_cannot_start(s: Snapshot) -> Decision | None:
    """No fence, and the pod can never start or be created."""
    if s.run is not None:
        return None
    error = never_starts(s.pod) if s.pod is not None else None
    if error is None and s.pod_refused is not None and is_refusal(s.pod_refused):
        error = _pod_refused(s.pod_refused)
    return None if error is None else _fail(s, error, "CannotStart", delete_job=True)


def no_fence_too_late(s: Snapshot) -> Decision | None:
    """No fence past the pending deadline. A full quota does not count: other jobs end and free it."""
    if s.run is not None or s.waited_for <= s.limits.pending:
        return None
    reason, message = waiting_for(s.pod, s.pod_refused)
    if reason == StartReason.POD_REFUSED and is_quota(message):
        return None
    error = JobError(
        Classification.LOST,
        f"the job did not start within {s.limits.pending:.0f} seconds: {reason}: {message}",
        retryable=True,
        detail={"reason": reason},
    )
    return _fail(s, error, "PendingDeadline", delete_job=True)


def no_fence_starting(s: Snapshot) -> Decision | None:
    """No fence, and the Job exists: starting."""
    if s.run is not None:
        return None
    reason, message = waiting_for(s.pod, s.pod_refused)
    pause = min(max(START_REVISIT_SECONDS, s.waited_for), LONGEST_START_REVISIT_SECONDS)
    left = s.limits.pending - s.waited_for
    deadline = s.overdue_in if left < 0 else min(left, s.overdue_in)
    return Decision(Action.WAIT, reason, message, revisit_seconds=min(pause, _just_after(deadline)))


def fenced_pod_alive(s: Snapshot) -> Decision | None:
    """Fence taken, pod alive: running, or terminating within its grace period, in which publish may still report."""
    if not s.pod_is_alive:
        return None
    if s.pod is not None and s.pod.deletion_at is not None:
        return Decision(Action.WAIT, "Ending", "the pod is being deleted", revisit_seconds=_just_after(s.pod_grace_left))
    return Decision(
        Action.WAIT, "Running", "the pod is running", revisit_seconds=min(RUN_REVISIT_SECONDS, _just_after(s.overdue_in))
    )


def fenced_job_just_gone(s: Snapshot) -> Decision | None:
    """Fence taken, pod and Job missing since a moment: wait for the event that says whether a user deleted the Job."""
    if s.job is not None or s.deletion_seen or s.job_missing_for >= DELETION_EVENT_SECONDS:
        return None
    return Decision(Action.WAIT, "Ending", "the Job is missing", revisit_seconds=DELETION_EVENT_SECONDS - s.job_missing_for)


def fenced_pod_dead(s: Snapshot) -> Decision | None:
    """Fence taken, and the pod has ended, is missing or is past its grace period: the run failed and is never relaunched.

    The Job is deleted here only if it would never end by itself. Others are deleted by ``terminal_with_active_job``.
    """
    deleted = s.deletion_seen or (s.job is not None and s.job.deleting and not s.job.is_finished)
    error = why_it_died(s.job, s.pod, deleted_by_user=deleted)
    never_ends = s.job is not None and not s.job.is_finished and (s.job.suspended or (s.pod is not None and s.pod.is_stuck))
    return _fail(s, error, error.classification.capitalize(), delete_job=never_ends)


CHECKS: Final[tuple[Check, ...]] = (
    not_claimed,
    terminal_with_active_job,
    foreign_job,
    overdue,
    no_fence_cancelled,
    no_fence_no_job,
    no_fence_job_ended,
    no_fence_cannot_start,
    no_fence_too_late,
    no_fence_starting,
    fenced_pod_alive,
    fenced_job_just_gone,
    fenced_pod_dead,
)


def _just_after(left: float) -> float:
    """Seconds until a deadline that is ``left`` seconds away has certainly passed."""
    return max(0.5, left + 0.5)


def _fail(s: Snapshot, error: JobError, reason: str, *, delete_job: bool) -> Decision:
    """A failure under the condition of the snapshot: no fence, or the fence of the same pod."""
    if s.run is None:
        fail = Fail(s.row.id, error, FailCondition.NO_FENCE)
    else:
        fail = Fail(s.row.id, error, FailCondition.FENCE_HELD_BY, s.run.pod_uid)
    return Decision(Action.FAIL, reason, error.message, fail=fail, delete_job=delete_job)


def _pod_refused(message: str) -> JobError:
    return JobError(
        Classification.INTERNAL, f"the API server refused the pod: {message}", detail={"reason": FailureCause.POD_REFUSED}
    )
