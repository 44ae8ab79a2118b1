"""A plan's state, derived from its jobs and written by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence


class PlanStatus(StrEnum):
    """NONE: never regenerated. The others say how it stands with the latest job."""

    NONE = "none"
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


_OF_JOB = {
    JobStatus.PENDING: PlanStatus.PENDING,
    JobStatus.RUNNING: PlanStatus.PENDING,
    JobStatus.COMPLETED: PlanStatus.READY,
    JobStatus.FAILED: PlanStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class Generation:
    """A job of a plan."""

    job_id: str
    status: JobStatus


@dataclass(frozen=True, slots=True)
class PlanState:
    """``latest`` is the job that decides the status; ``ready`` the latest that has outputs, which outlive a later failure."""

    status: PlanStatus
    latest: str | None
    ready: str | None


def derive(generations: Sequence[Generation]) -> PlanState:
    """The state of a plan whose jobs are ``generations``, newest first."""
    ready = next((one.job_id for one in generations if one.status is JobStatus.COMPLETED), None)
    if not generations:
        return PlanState(PlanStatus.NONE, None, None)
    return PlanState(_OF_JOB[generations[0].status], generations[0].job_id, ready)
