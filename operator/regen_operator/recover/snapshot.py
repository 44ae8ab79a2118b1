"""A job's state at one moment: row, fence, Job and pod, read before anything is decided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from regen_operator.kube.views import JobView, PodView
    from regen_operator.rows.values import JobRow, RunRow


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines in seconds.

    Attributes:
        pending: how long a claimed job may stay without a fence.
        active: the Job's ``activeDeadlineSeconds``.
        grace: added to both before the operator acts.
    """

    pending: float
    active: float
    grace: float

    @property
    def total(self) -> float:
        """Seconds after the claim by which the job must have ended."""
        return self.pending + self.active + self.grace


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One job. Row and fence are read before the Kubernetes objects, so the objects are never older than the row.

    Attributes:
        row: the job's row.
        run: the fence, None if it is not taken.
        now: the database's clock when the row was read.
        limits: the job's deadlines.
        job: the Job with the job's name, even if it belongs to something else; None if there is none.
        pod: the pod that holds the fence, by name and uid; without a fence the newest pod of the job.
        api_now: the API server's clock when the objects were read.
        deletion_seen: another actor deleted the Job before it finished.
        pod_refused: why no pod could be created, from the Job controller's events.
        launched: this process created or found the Job since the claim.
        job_missing_for: seconds since the Job was first found missing; infinite without an earlier examination.
    """

    row: JobRow
    run: RunRow | None
    now: datetime
    limits: Limits
    job: JobView | None = None
    pod: PodView | None = None
    api_now: datetime | None = None
    deletion_seen: bool = False
    pod_refused: str | None = None
    launched: bool = False
    job_missing_for: float = math.inf

    @property
    def claimed_for(self) -> float:
        """Seconds since the claim, by the database's clock."""
        return 0.0 if self.row.locked_at is None else (self.now - self.row.locked_at).total_seconds()

    @property
    def overdue_in(self) -> float:
        """Seconds until no report can come any more; negative afterwards."""
        return self.limits.total - self.claimed_for

    @property
    def ended_for(self) -> float:
        """Seconds since the row became terminal, by the database's clock."""
        return 0.0 if self.row.completed_at is None else (self.now - self.row.completed_at).total_seconds()

    @property
    def waited_for(self) -> float:
        """Seconds that the job had to start: since the claim, but at most since its Job and its pod were created.

        A job that was launched late, because the operator was down, or whose pod was created late, because a quota was full,
        gets its full time. Each interval uses one clock.
        """
        if self.job is None or self.api_now is None:
            return self.claimed_for
        created_at = self.job.created_at
        if self.pod is not None and self.pod.created_at is not None:
            created_at = max(created_at, self.pod.created_at)
        return min(self.claimed_for, (self.api_now - created_at).total_seconds())

    @property
    def pod_is_alive(self) -> bool:
        """Whether the pod that holds the fence may still report: it has not ended and is not past its grace period."""
        if self.pod is None or self.pod.has_ended or self.pod.is_stuck:
            return False
        return self.pod.deletion_at is None or self.pod_grace_left > 0

    @property
    def pod_grace_left(self) -> float:
        """Seconds until a pod that is being deleted must be gone, including slack for the kubelet."""
        if self.pod is None or self.pod.deletion_at is None:
            return 0.0
        return (self.pod.deletion_at - (self.api_now or self.now)).total_seconds() + KUBELET_SLACK_SECONDS


KUBELET_SLACK_SECONDS = 5.0
