"""All that is known of one job at one moment, gathered before anything is decided."""

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
    """Seconds: how long a job may stay without a fence, how long its Job may be active, and the slack after either."""

    pending: float
    active: float
    grace: float

    @property
    def total(self) -> float:
        """How long after its claim somebody must have reported."""
        return self.pending + self.active + self.grace


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One job. The row and the fence are read before the Kubernetes objects, so those are never older than the row.

    Attributes:
        now: the database's clock when the row was read.
        job: the Job of the job's name, whoever made it; None where there is none.
        pod: the pod that holds the fence, by name and uid; without a fence the newest pod of the job.
        api_now: the API server's clock when the objects were read.
        deletion_seen: somebody else was seen deleting the Job while it had not finished.
        pod_refused: why no pod could be made, from the Job controller's events.
        launched: this process made or found its Job since the claim.
        gone_for: seconds since we first found the Job missing; endless where nobody looked before.
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
    gone_for: float = math.inf

    @property
    def claimed_for(self) -> float:
        """Seconds since the claim, by the database's clock."""
        return 0.0 if self.row.locked_at is None else (self.now - self.row.locked_at).total_seconds()

    @property
    def overdue_in(self) -> float:
        """Seconds until nobody will report any more; negative afterwards."""
        return self.limits.total - self.claimed_for

    @property
    def ended_for(self) -> float:
        """Seconds since the row became terminal, by the database's clock."""
        return 0.0 if self.row.completed_at is None else (self.now - self.row.completed_at).total_seconds()

    @property
    def waited_for(self) -> float:
        """Seconds that the job had to start: since the claim, but no longer than its Job is there.

        A launch made up for late (the operator was down) gets its whole time. Each span is measured on one clock.
        """
        if self.job is None or self.api_now is None:
            return self.claimed_for
        return min(self.claimed_for, (self.api_now - self.job.created_at).total_seconds())

    @property
    def pod_is_alive(self) -> bool:
        """Whether the fence's pod may still report: it has not ended, and its grace, if it is being deleted, is not over."""
        if self.pod is None or self.pod.has_ended or self.pod.is_stuck:
            return False
        return self.pod.deletion_at is None or self.pod_grace_left > 0

    @property
    def pod_grace_left(self) -> float:
        """Seconds until a pod that is being deleted must be gone, with some slack for its kubelet."""
        if self.pod is None or self.pod.deletion_at is None:
            return 0.0
        return (self.pod.deletion_at - (self.api_now or self.now)).total_seconds() + KUBELET_SLACK_SECONDS


KUBELET_SLACK_SECONDS = 5.0
