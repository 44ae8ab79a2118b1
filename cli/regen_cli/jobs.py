"""Asking for jobs and looking at them, straight on the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from regen_cli.exits import NotFound
from regen_cli.printing import moment
from regen_core.database.gather import snapshots
from regen_core.errors import ValidationFailed
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from regen_cli.database import Database
    from regen_core.invariants import JobRecord


@dataclass(frozen=True, slots=True)
class Request:
    """What ``trigger`` asks for; ``instruction`` is a JSON value that was checked."""

    job_id: str
    instruction: Any
    priority: int
    requested_by: str
    key: str | None
    retry_of: str | None


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job as a list shows it. Times are UTC without a zone; ``now`` is the database's clock."""

    id: str
    type: str | None
    status: JobStatus
    priority: int
    requested_by: str | None
    created_at: datetime
    locked_at: datetime | None
    completed_at: datetime | None
    classification: str | None
    now: datetime

    @property
    def age(self) -> timedelta:
        """Since the insert."""
        return self.now - self.created_at

    @property
    def run_time(self) -> timedelta | None:
        """From the claim to the end, or until now; None while nobody has claimed it."""
        return None if self.locked_at is None else (self.completed_at or self.now) - self.locked_at


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of a page; the next page begins after it."""

    created_at: datetime
    job_id: str

    def __str__(self) -> str:
        return f"{self.created_at.isoformat(timespec='milliseconds')}/{self.job_id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that ``str`` wrote.

        Raises:
            ValidationFailed: it did not.
        """
        at, slash, job_id = text.partition("/")
        try:
            created_at = datetime.fromisoformat(at)
        except ValueError:
            created_at = None
        if created_at is None or created_at.tzinfo is not None or not slash or not job_id:
            msg = f"--cursor: expected what an earlier page named, such as 2026-01-31T12:00:00.000/<id>, got {text!r}"
            raise ValidationFailed(msg)
        return cls(created_at, job_id)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a PENDING job waits: what runs, and its place among the first thousand of the queue (None: further back)."""

    running: int
    running_of_type: int
    running_of_requester: int
    place: int | None


def find(database: Database, job_id: str) -> JobRecord:
    """Everything about one job, its instruction included.

    Raises:
        NotFound: there is no such job.
    """
    for snapshot in snapshots(database.read, ids=[job_id], instructions=True):
        return snapshot.jobs[0]
    raise no_such_job(database, job_id)


def no_such_job(database: Database, job_id: str) -> NotFound:
    """The error for an id that has no row, and where its rows went if it had any."""
    for at, who, sha256 in database.named("purged", {"job_id": job_id}):
        message = f"job {job_id}: expected its rows, got none: {who} purged them at {moment(at)}; its line in the export has "
        return NotFound(f"{message}SHA-256 {sha256}")
    return NotFound(f"job {job_id}: expected a row with that id, got none; `regen list` shows the newest")


def page(
    database: Database,
    *,
    statuses: Sequence[JobStatus],
    job_type: str | None,
    requester: str | None,
    cursor: Cursor | None,
    limit: int,
) -> list[JobLine]:
    """Up to ``limit`` jobs, newest first."""
    parameters = {
        "statuses": [str(status) for status in statuses] or None,
        "type": job_type,
        "requester": requester,
        "before_at": cursor.created_at if cursor else None,
        "before_id": cursor.job_id if cursor else None,
        "limit": limit,
    }
    return [_line(row) for row in database.named("page", parameters)]


def lines(database: Database, ids: Collection[str]) -> list[JobLine]:
    """The given jobs, in their order; those that do not exist are left out."""
    return [_line(row) for row in database.named("states", {"ids": list(ids)})]


def current(database: Database, limit: int) -> list[JobLine]:
    """What goes on just now; up to ``limit`` of the ended and of the waiting."""
    return [_line(row) for row in database.named("current", {"limit": limit})]


def waiting(database: Database, job_id: str) -> Waiting | None:
    """Why the job waits; None where it does not."""
    rows = database.named("waiting", {"ids": [job_id]})
    return Waiting(*rows[0][1:]) if rows else None


def insert(database: Database, request: Request) -> tuple[str, bool]:
    """Inserts the request, or finds the job that the same request made before.

    Returns:
        The job's id, and whether it was made just now.

    Raises:
        ValidationFailed: the idempotency key has another request, or the database does not take the values.
    """
    parameters = {
        "id": request.job_id,
        "instruction": Jsonb(request.instruction),
        "priority": request.priority,
        "requested_by": request.requested_by,
        "key": request.key,
        "retry_of": request.retry_of,
    }
    if rows := database.write("insert", parameters):
        return str(rows[0][0]), True
    # The row that was in the way is committed, and rows are kept.
    [(job_id, same)] = database.named("by_key", parameters)
    if not same:
        msg = (
            f"--idempotency-key: expected one that is new, or that asks for the same again; {request.key!r} belongs to "
            f"job {job_id}, which has another instruction, priority or retryOf"
        )
        raise ValidationFailed(msg)
    return str(job_id), False


def _line(row: tuple[Any, ...]) -> JobLine:
    return JobLine(row[0], row[1], JobStatus(row[2]), *row[3:])
