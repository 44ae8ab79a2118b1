"""What recovers what: the table in docs/state-machine.md as an ordered list of pure checks. The first that speaks wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from regen_core.errors import Classification, JobError, NotOurs
from regen_core.states import Fail, FailCondition, JobStatus
from regen_operator.kube.errors import is_refusal
from regen_operator.kube.views import never_starts, waiting_for, why_it_died, why_it_never_started
from regen_operator.recover.snapshot import Snapshot


class Action(StrEnum):
    """What is to be done."""

    NOTHING = "nothing"
    WAIT = "wait"
    LAUNCH = "launch"
    FAIL = "fail"
    DELETE_JOB = "delete-job"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says.

    Attributes:
        reason: one word for programs, as in ``status.reason``.
        message: one sentence for people.
        revisit_seconds: look again after so long, even if nothing is heard.
        fail: with ``FAIL``: the one transition that it asks for.
        delete_job: with ``FAIL``: the Job goes too, once the row is FAILED.
    """

    action: Action
    reason: str
    message: str
    revisit_seconds: float | None = None
    fail: Fail | None = None
    delete_job: bool = False


Check = Callable[[Snapshot], "Verdict | None"]

START_REVISIT_SECONDS: Final = 10.0
"""The first look at a job that starts. Watches tell what happens to it, so each later look comes after twice the time."""
LONGEST_START_REVISIT_SECONDS: Final = 25.0
"""An event that a watch lost is still found within half a minute."""
RUN_REVISIT_SECONDS: Final = 60.0
DELETION_PATIENCE_SECONDS: Final = 3.0


def decide(snapshot: Snapshot) -> Verdict:
    """The verdict of the first check that speaks; the last one always does."""
    return next(verdict for check in CHECKS if (verdict := check(snapshot)) is not None)


def not_claimed(s: Snapshot) -> Verdict | None:
    """PENDING: the claim's business."""
    if s.row.status is not JobStatus.PENDING:
        return None
    return Verdict(Action.NOTHING, "Pending", "the job is not claimed")


def terminal_with_active_job(s: Snapshot) -> Verdict | None:
    """Row terminal, Job active: a partitioned node. Its report will hit no row; publish itself needs a moment to exit."""
    if not s.row.status.is_terminal:
        return None
    if s.job is None or s.job.is_finished or s.job.deleting or not s.job.is_ours(s.row.id):
        return Verdict(Action.NOTHING, "Ended", "the job has ended")
    left = s.limits.grace - s.ended_for
    if left > 0:
        return Verdict(Action.WAIT, "Ending", "its pod has a moment to exit", revisit_seconds=left)
    return Verdict(Action.DELETE_JOB, "StillActive", "the row has ended and the Job is still active")


def foreign_job(s: Snapshot) -> Verdict | None:
    """Someone else's object has our name: refused loudly, never adopted, never deleted."""
    if s.job is None or s.job.is_ours(s.row.id):
        return None
    message = f"a Job named {s.job.name} exists that is not this job's"
    return _fail(s, NotOurs(message, jobUid=s.job.uid).as_job_error(), "NotOurs", delete_job=False)


def overdue(s: Snapshot) -> Verdict | None:
    """Past every deadline: nobody will report, whatever Kubernetes says."""
    if s.overdue_in >= 0:
        return None
    # What can be seen explains it best; a pod that still looks alive explains nothing.
    error = None
    if s.run is not None and not s.pod_is_alive and s.job is not None:
        error = why_it_died(s.job, s.pod, deleted_by_user=s.deletion_seen)
    if error is None:
        message = f"nobody reported within {s.limits.total:.0f} seconds of the claim"
        error = JobError(Classification.LOST, message, retryable=True, detail={"fence": s.run is not None})
    return Verdict(
        Action.FAIL, "Overdue", error.message, fail=Fail(s.row.id, error, FailCondition.ANY), delete_job=s.job is not None
    )


def no_fence_cancelled(s: Snapshot) -> Verdict | None:
    """No fence, and someone was seen deleting the Job: the emergency stop, not a lost launch."""
    being_deleted = s.job is not None and s.job.deleting and not s.job.is_finished
    if s.run is not None or not (s.deletion_seen or being_deleted):
        return None
    error = why_it_never_started(s.job, s.pod, deleted_by_user=True)
    return _fail(s, error, "Cancelled", delete_job=s.job is not None and not s.job.deleting)


def no_fence_no_job(s: Snapshot) -> Verdict | None:
    """No fence, no Job: the operator died between claim and launch. Launching again is safe until the fence is taken.

    A Job that was there a moment ago may have been deleted by somebody, and the event that tells may still be on its way: Jobs
    and pods are two watches, and what a person stopped is not launched again.
    """
    if s.run is not None or s.job is not None:
        return None
    if s.launched and s.gone_for < DELETION_PATIENCE_SECONDS:
        left = DELETION_PATIENCE_SECONDS - s.gone_for
        return Verdict(Action.WAIT, "Launching", "its Job is gone", revisit_seconds=left)
    return Verdict(Action.LAUNCH, "Launching", "the job is claimed and not launched yet")


def no_fence_job_ended(s: Snapshot) -> Verdict | None:
    """No fence, Job failed, suspended or finished: it never will."""
    if s.run is not None or s.job is None:
        return None
    if s.job.failure is None and not s.job.suspended and not s.job.is_complete:
        return None
    return _fail(s, why_it_never_started(s.job, s.pod, deleted_by_user=False), "NeverStarted", delete_job=True)


def no_fence_cannot_start(s: Snapshot) -> Verdict | None:
    """No fence, and its pod can never start or be made."""
    if s.run is not None:
        return None
    error = never_starts(s.pod) if s.pod is not None else None
    if error is None and s.pod_refused is not None and is_refusal(s.pod_refused):
        error = JobError(Classification.INTERNAL, f"its pod is refused: {s.pod_refused}", detail={"reason": "PodRefused"})
    return None if error is None else _fail(s, error, "CannotStart", delete_job=True)


def no_fence_too_late(s: Snapshot) -> Verdict | None:
    """No fence past the pending deadline."""
    if s.run is not None or s.waited_for <= s.limits.pending:
        return None
    reason, message = waiting_for(s.pod, s.pod_refused)
    error = JobError(
        Classification.LOST,
        f"it did not start within {s.limits.pending:.0f} seconds: {reason}: {message}",
        retryable=True,
        detail={"reason": reason},
    )
    return _fail(s, error, "PendingDeadline", delete_job=True)


def no_fence_starting(s: Snapshot) -> Verdict | None:
    """No fence, Job there: starting."""
    if s.run is not None:
        return None
    reason, message = waiting_for(s.pod, s.pod_refused)
    pause = min(max(START_REVISIT_SECONDS, s.waited_for), LONGEST_START_REVISIT_SECONDS)
    left = s.limits.pending - s.waited_for
    return Verdict(Action.WAIT, reason, message, revisit_seconds=min(pause, _just_after(min(left, s.overdue_in))))


def fenced_pod_alive(s: Snapshot) -> Verdict | None:
    """Fence, its pod alive: running, or ending within its grace, in which publish may still report."""
    if not s.pod_is_alive:
        return None
    if s.pod is not None and s.pod.deletion_at is not None:
        return Verdict(Action.WAIT, "Ending", "its pod is being deleted", revisit_seconds=_just_after(s.pod_grace_left))
    return Verdict(Action.WAIT, "Running", "its pod runs", revisit_seconds=min(RUN_REVISIT_SECONDS, _just_after(s.overdue_in)))


def fenced_job_just_gone(s: Snapshot) -> Verdict | None:
    """Fence, pod and Job gone a moment ago: the event that tells whether somebody deleted the Job may still be on its way."""
    if s.job is not None or s.deletion_seen or s.gone_for >= DELETION_PATIENCE_SECONDS:
        return None
    return Verdict(Action.WAIT, "Ending", "its Job is gone", revisit_seconds=DELETION_PATIENCE_SECONDS - s.gone_for)


def fenced_pod_dead(s: Snapshot) -> Verdict | None:
    """Fence, its pod ended, gone or past its grace: the run died, and is never launched again.

    Its Job ends by itself, or is deleted here where it never would; one that has not within the grace period is deleted as
    a partitioned node's.
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
    """Seconds until a deadline that is ``left`` away has surely passed."""
    return max(0.5, left + 0.5)


def _fail(s: Snapshot, error: JobError, reason: str, *, delete_job: bool) -> Verdict:
    """A failure under the condition that the snapshot saw: no fence, or that very pod's."""
    if s.run is None:
        fail = Fail(s.row.id, error, FailCondition.NO_FENCE)
    else:
        fail = Fail(s.row.id, error, FailCondition.FENCE_HELD_BY, s.run.pod_uid)
    return Verdict(Action.FAIL, reason, error.message, fail=fail, delete_job=delete_job)
