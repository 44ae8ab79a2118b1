"""Rows as the operator reads them. Timestamps are UTC without a zone, by the database's clock (docs/contract.md#database).

Each class has the names of its query's columns (psycopg's ``class_row``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of ``"RegenerationJob"`` without its instruction.

    Attributes:
        id: the job's id.
        type: the instruction's type; None if the instruction has none.
        status: the row's status.
        priority: higher is claimed first.
        requested_by: who created the job; the cap per requester counts by it.
        retry_of: the id of the job that this one retries.
        idempotency_key: the key under which the job was created.
        created_at: when the row was inserted.
        locked_at: when the job was claimed.
        completed_at: when the job ended, COMPLETED or FAILED.
        output_ref: the manifest's URL, of a COMPLETED job.
        error: ``errorJson`` of a FAILED job; None where the query does not read it.
    """

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

    def __post_init__(self) -> None:
        # class_row passes the enum's label as text.
        object.__setattr__(self, "status", JobStatus(self.status))


@dataclass(frozen=True, slots=True)
class RunRow:
    """The fence, a row of ``"RegenerationRun"``.

    Attributes:
        pod_uid: the uid of the pod that runs the job.
        pod_name: its name.
        started_at: when it took the fence.
    """

    pod_uid: str
    pod_name: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A row with its fence.

    Attributes:
        row: the job's row.
        run: its fence; None if it is not taken.
        now: the database's clock when both were read.
    """

    row: JobRow
    run: RunRow | None
    now: datetime


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What a PENDING job waits for.

    Attributes:
        running_total: RUNNING jobs.
        running_of_type: RUNNING jobs of the job's type.
        running_of_requester: RUNNING jobs of the job's requester.
        place: the job's place in the queue, 1 is next; None beyond the first thousand.
    """

    running_total: int
    running_of_type: int
    running_of_requester: int
    place: int | None


@dataclass(frozen=True, slots=True)
class QueueGroup:
    """PENDING jobs of one type that wait for the same reason.

    Attributes:
        type: the type; None for instructions without one.
        reason: a ``PendingReason``.
        jobs: how many.
        oldest_seconds: how long the oldest has waited.
    """

    type: str | None
    reason: str
    jobs: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job that has ended.

    Attributes:
        id: the job's id.
        type: the instruction's type.
        status: COMPLETED or FAILED.
        classification: the error's classification.
        reason: the error's ``detail.reason``.
        message: the error's message, cut at 1,024 characters.
        pod_name: the pod that took the fence.
        created_at: when the row was inserted.
        locked_at: when the job was claimed.
        started_at: when the fence was taken.
        completed_at: when the job ended.
    """

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

    def __post_init__(self) -> None:
        # class_row passes the enum's label as text.
        object.__setattr__(self, "status", JobStatus(self.status))


@dataclass(frozen=True, slots=True)
class FailOutcome:
    """The result of ``regen_fail_v1`` for one job.

    Attributes:
        id: the job's id.
        outcome: ``failed``, ``already`` (with the same error) or ``refused`` (the condition does not hold).
    """

    id: str
    outcome: str

    @property
    def is_failed(self) -> bool:
        """Whether the row is FAILED with the given error."""
        return self.outcome in {"failed", "already"}


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """The result of ``regen_ingest_v1``.

    Attributes:
        id: the job's id.
        outcome: ``created``, ``existing`` or ``refused`` (the key exists with another instruction).
    """

    id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class RepairedEvent:
    """An audit event that was added after its transition.

    Attributes:
        job_id: the job's id.
        event: the event's name.
    """

    job_id: str
    event: str
