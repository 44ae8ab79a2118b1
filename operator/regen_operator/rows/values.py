"""What the operator reads from the database: frozen values, timestamps in UTC without a zone (docs/contract.md#database)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regen_core.states import JobStatus


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of ``"RegenerationJob"`` without its instruction, which only the pod and the mirror's create need."""

    id: str
    type: str | None
    status: JobStatus
    priority: int = 0
    requested_by: str | None = None
    retry_of: str | None = None
    idempotency_key: str | None = None
    created_at: datetime | None = None
    locked_at: datetime | None = None
    completed_at: datetime | None = None
    output_ref: str | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """The fence: which pod runs the job."""

    pod_uid: str
    pod_name: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A row, its fence, and the database's clock at the moment both were read."""

    row: JobRow
    run: RunRow | None
    now: datetime


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """Why a PENDING row waits: how many run beside it, and its place (1 is next; None is far behind)."""

    running_total: int
    running_of_type: int
    running_of_requester: int
    place: int | None


@dataclass(frozen=True, slots=True)
class QueueGroup:
    """PENDING jobs of one type that wait for one reason: how many, and how long the oldest has waited."""

    type: str | None
    reason: str
    jobs: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended, and when it passed what. ``reason`` is the one that its error's detail names, if any."""

    id: str
    type: str | None
    status: JobStatus
    classification: str | None
    reason: str | None
    message: str | None
    pod_name: str | None
    created_at: datetime
    locked_at: datetime | None
    started_at: datetime | None
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class FailOutcome:
    """What ``regen_fail_v1`` answered for one job: ``failed``, ``already`` or ``refused``."""

    job_id: str
    outcome: str

    @property
    def is_failed(self) -> bool:
        """Whether the row is FAILED with our error."""
        return self.outcome in {"failed", "already"}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What ``regen_ingest_v1`` answered: ``created``, ``existing`` or ``refused``."""

    job_id: str
    outcome: str
