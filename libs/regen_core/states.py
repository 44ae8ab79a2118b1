"""The states of a job and the transitions between them (rule R1).

PENDING
    The row exists, and nothing else. Created by an insert (API, platform application, or an admin's custom resource),
    never by an update. The operator's claim moves the job on when a slot is free.
RUNNING
    One claim has taken the job: ``lockedAt`` is set and never changes. The Kubernetes Job may or may not exist
    yet. While there is no fence row, the operator can safely launch the Job again; once a pod has taken the fence,
    nothing launches this job again. The job ends when the pod that holds the fence reports, or when the operator finds
    that no pod will report.
COMPLETED
    Terminal. ``outputRef`` and ``completedAt`` were set in the transaction that inserted the output rows; the objects were
    in the store, the manifest last, before that transaction began.
FAILED
    Terminal. ``errorJson`` and ``completedAt`` were set together. A retry is a new job that names this one (rule R7).

One frozen class per legal transition has only that transition's fields, so that invalid combinations cannot be
constructed. The database enforces the transitions: a trigger, and the ``regen_*_v1`` functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_core.errors import JobError
    from regen_core.manifest import OutputRow


class JobStatus(StrEnum):
    """The labels of the database's enum ``"RegenerationJobStatus"``, in their order."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return not SUCCESSORS[self]

    def may_become(self, successor: JobStatus) -> bool:
        """Return whether a transition from this status to ``successor`` exists."""
        return successor in SUCCESSORS[self]


SUCCESSORS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.RUNNING}),
    JobStatus.RUNNING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Caps:
    """Maximum numbers of RUNNING jobs. ``None`` means no cap of that kind."""

    total: int = 20
    per_type: Mapping[str, int] = field(default_factory=dict)
    per_requester: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """PENDING → RUNNING for up to ``batch`` jobs; only the operator may (``regen_claim_v1``)."""

    batch: int
    caps: Caps
    known_types: frozenset[str]

    def limited(self, limits: Mapping[str, int]) -> Claim:
        """Return this claim with further caps per type; the lower of two caps holds."""
        if not limits:
            return self
        caps = self.caps.per_type
        lower = {name: min(limit, caps.get(name, limit)) for name, limit in limits.items()}
        return replace(self, caps=replace(self.caps, per_type={**caps, **lower}))


@dataclass(frozen=True, slots=True)
class Start:
    """Takes the fence of a RUNNING job; only a pod's ``prepare`` may (``regen_start_v1``)."""

    job_id: str
    pod_uid: str
    pod_name: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Complete:
    """RUNNING → COMPLETED together with every output row; only the fence's holder may (``regen_complete_v1``)."""

    job_id: str
    nonce: str
    output_ref: str
    outputs: tuple[OutputRow, ...]


@dataclass(frozen=True, slots=True)
class FailRun:
    """RUNNING → FAILED, reported by the pod that holds the fence (``regen_fail_run_v1``)."""

    job_id: str
    nonce: str
    error: JobError


class FailCondition(StrEnum):
    """A condition for failing a job; the function checks it again under the row's lock."""

    ANY = "any"
    NO_FENCE = "no_fence"
    FENCE_HELD_BY = "fence_held_by"


@dataclass(frozen=True, slots=True)
class Fail:
    """RUNNING → FAILED, by the operator (``regen_fail_v1``).

    ``pod_uid`` is required with ``FENCE_HELD_BY`` and not allowed otherwise.
    """

    job_id: str
    error: JobError
    condition: FailCondition
    pod_uid: str | None = None

    def __post_init__(self) -> None:
        if (self.condition is FailCondition.FENCE_HELD_BY) != (self.pod_uid is not None):
            msg = "Fail.pod_uid is required with condition fence_held_by and not allowed otherwise"
            raise ValueError(msg)
