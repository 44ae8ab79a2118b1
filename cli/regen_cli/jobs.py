"""The operations on jobs that both the database (``jobs_database``) and the HTTP API (``jobs_api``) offer.

``choose`` selects one of the two for a command.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from regen_cli.exits import NotFound
from regen_core.errors import ValidationFailed
from regen_core.names import MANIFEST_NAME, PROVENANCE_NAME
from regen_core.provenance import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from regen_core.manifest import OutputRow
    from regen_core.states import JobStatus
    from regen_verify import JobRecord, Snapshot


EVIDENCE: Final = {MANIFEST_NAME: "application/json", PROVENANCE_NAME: MEDIA_TYPE}
"""The files stored beside a COMPLETED job's outputs, with their media types."""

MAX_LOG_BYTES: Final = 4 << 20
"""``publish`` stores less; a larger object is not one of its logs."""


@dataclass(frozen=True, slots=True)
class Request:
    """A job to create. ``instruction`` is a validated JSON value.

    ``requested_by`` is None for the caller.
    """

    job_id: str
    instruction: Any
    priority: int
    requested_by: str | None
    key: str | None
    retry_of: str | None


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in a list. Times are UTC without a zone; ``now`` is the database's clock."""

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
        """Time since the insert."""
        return self.now - self.created_at

    @property
    def run_time(self) -> timedelta | None:
        """Time from the claim to the end, or until now; None before the claim."""
        return None if self.locked_at is None else (self.completed_at or self.now) - self.locked_at


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter for jobs. Empty and None match any; ``cursor`` comes from an earlier page."""

    statuses: Sequence[JobStatus]
    type: str | None
    requester: str | None
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first, and the cursor of the next page; None if this is the last."""

    lines: list[JobLine]
    following: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a PENDING job waits: what runs, and its place among the first thousand in the queue (None: further back)."""

    running: int
    running_of_type: int
    running_of_requester: int
    place: int | None


class Jobs(Protocol):
    """Operations on jobs. Every call has a deadline.

    Every method raises ``DatabaseUnavailable`` or ``Unavailable`` if the call can be tried again, ``RegenError`` if it is
    refused.
    """

    def find(self, job_id: str) -> JobRecord:
        """Return everything about one job, including its instruction.

        Raises:
            NotFound: the job does not exist.
        """
        ...

    def waiting(self, job_id: str) -> Waiting | None:
        """Return why the job waits; None if it does not."""
        ...

    def page(self, wanted: Wanted, limit: int) -> Page:
        """Return up to ``limit`` jobs.

        Raises:
            ValidationFailed: the cursor is invalid.
        """
        ...

    def lines(self, ids: Collection[str]) -> list[JobLine]:
        """Return the given jobs in their order, without those that do not exist."""
        ...

    def current(self, limit: int) -> list[JobLine]:
        """Return running jobs, and up to ``limit`` each of ended and waiting ones."""
        ...

    def insert(self, request: Request) -> tuple[str, bool]:
        """Create the job, or find the one that an earlier identical request created.

        Returns:
            The job's id, and whether this call created it.

        Raises:
            DatabaseUnavailable: the job may have been created. The message says how to find it or repeat safely.
            Unavailable: as above.
            ValidationFailed: the idempotency key belongs to another request, or the database rejects a value.
        """
        ...

    def listen(self) -> None:
        """Subscribe to notifications, where there are any."""
        ...

    def pause(self, count: int) -> float:
        """Return the seconds between two reads of that many jobs."""
        ...

    def wait(self, seconds: float) -> None:
        """Return at the next notification, or after ``seconds``."""
        ...

    def stream(self, job: JobRecord, output: OutputRow) -> AbstractContextManager[Iterator[bytes]]:
        """Read an output, block by block, without checking it.

        Raises:
            ObjectMissing: the object does not exist.
            StoreUnavailable: the call can be tried again.
        """
        ...

    def log(self, job: JobRecord) -> bytes | None:
        """Return the stored executor log; None if there is none.

        Raises:
            StoreUnavailable: the call can be tried again.
        """
        ...

    def evidence(self, job: JobRecord) -> Sequence[OutputRow]:
        """Return manifest and provenance of a COMPLETED job, which have no row, with size and digest as stored.

        Raises:
            ObjectMissing: one of them does not exist.
            StoreUnavailable: the call can be tried again.
        """
        ...

    def proof(self, job_id: str, judge: Callable[[JobRecord], None]) -> Snapshot:
        """Return one job with its audit events and every stored object, read completely.

        Args:
            job_id: the job's id.
            judge: raises if the job has no objects to read.

        Raises:
            NotFound: the job does not exist.
        """
        ...


def no_such_job(job_id: str) -> NotFound:
    """Return the error for an id without a row."""
    return NotFound(f"job {job_id} does not exist. `regen list` shows the newest jobs.")


def repeat_with(key: str) -> str:
    """Say how to repeat a request whose response was lost."""
    again = f"--idempotency-key {shlex.quote(key)}"
    return f"The job may have been created. Run the same command with {again}: it creates no second job."


def reused_key(key: str | None, other: str) -> ValidationFailed:
    """Return the error for an idempotency key that belongs to ``other``."""
    msg = f"--idempotency-key {key!r} already belongs to {other}. Use a new key, or repeat the same request."
    return ValidationFailed(msg)
