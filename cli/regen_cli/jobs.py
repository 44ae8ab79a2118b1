"""What can be asked of jobs, whichever way it goes: straight on the database, or over the HTTP API.

``jobs_database`` and ``jobs_api`` are the two ways; which one serves a command, ``choose`` says.
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
"""What lies beside a COMPLETED job's outputs, and its media type."""

MAX_LOG_BYTES: Final = 4 << 20
"""publish keeps less; an object that is larger is none of its."""


@dataclass(frozen=True, slots=True)
class Request:
    """What ``trigger`` asks for; ``instruction`` is a JSON value that was checked.

    ``requested_by`` is None for whoever asks.
    """

    job_id: str
    instruction: Any
    priority: int
    requested_by: str | None
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
class Wanted:
    """Which jobs a list holds, newest first; empty and None are any. ``cursor`` is what an earlier page named."""

    statuses: Sequence[JobStatus]
    type: str | None
    requester: str | None
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first, and the cursor of the next page; None where this is the last."""

    lines: list[JobLine]
    following: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a PENDING job waits: what runs, and its place among the first thousand of the queue (None: further back)."""

    running: int
    running_of_type: int
    running_of_requester: int
    place: int | None


class Jobs(Protocol):
    """A way to the jobs. Every call ends in bounded time.

    Raises, from every method: ``DatabaseUnavailable`` or ``Unavailable`` where the same call may be tried again,
    ``RegenError`` where it is refused.
    """

    def find(self, job_id: str) -> JobRecord:
        """Everything about one job, its instruction included.

        Raises:
            NotFound: there is no such job.
        """
        ...

    def waiting(self, job_id: str) -> Waiting | None:
        """Why the job waits; None where it does not."""
        ...

    def page(self, wanted: Wanted, limit: int) -> Page:
        """Up to ``limit`` jobs.

        Raises:
            ValidationFailed: the cursor is none.
        """
        ...

    def lines(self, ids: Collection[str]) -> list[JobLine]:
        """The given jobs, in their order; those that do not exist are left out."""
        ...

    def current(self, limit: int) -> list[JobLine]:
        """What goes on just now; up to ``limit`` of the ended and of the waiting."""
        ...

    def insert(self, request: Request) -> tuple[str, bool]:
        """Asks for the job, or finds the one that the same request made before.

        Returns:
            The job's id, and whether it was made just now.

        Raises:
            DatabaseUnavailable: the job may have been made; the message names what finds it, or makes a repeat safe.
            Unavailable: as above.
            ValidationFailed: the idempotency key has another request, or the values are not taken.
        """
        ...

    def listen(self) -> None:
        """Asks to be woken, where that can be."""
        ...

    def pause(self, looked_at: int) -> float:
        """Seconds between two looks at that many jobs."""
        ...

    def wait(self, seconds: float) -> None:
        """Returns when something may have changed, or after ``seconds``."""
        ...

    def stream(self, job: JobRecord, output: OutputRow) -> AbstractContextManager[Iterator[bytes]]:
        """An output's bytes, block by block, as they are.

        Raises:
            ObjectMissing: there are none.
            StoreUnavailable: the same call may be tried again.
        """
        ...

    def log(self, job: JobRecord) -> bytes | None:
        """What publish kept of the executor's own words; None where nothing was kept.

        Raises:
            StoreUnavailable: the same call may be tried again.
        """
        ...

    def evidence(self, job: JobRecord) -> Sequence[OutputRow]:
        """Manifest and provenance of a COMPLETED job, which have no row, measured where they lie.

        Raises:
            ObjectMissing: one of them is not there.
            StoreUnavailable: the same call may be tried again.
        """
        ...

    def proof(self, job_id: str, judge: Callable[[JobRecord], None]) -> Snapshot:
        """One job with its audit events and all that the store has of it, every object read whole.

        Args:
            job_id: of the job.
            judge: raises where the job has nothing to be read.

        Raises:
            NotFound: there is no such job.
        """
        ...


def no_such_job(job_id: str) -> NotFound:
    """The error for an id that has no row."""
    return NotFound(f"job {job_id}: expected a row with that id, got none; `regen list` shows the newest")


def same_again(key: str) -> str:
    """What is to be done where nobody knows whether a job was made with ``key``."""
    again = f"the same command with --idempotency-key {shlex.quote(key)} makes no second one"
    return f"the job may have been made: {again}"


def reused_key(key: str | None, other: str) -> ValidationFailed:
    """The error for an idempotency key that ``other`` has taken."""
    msg = f"--idempotency-key: expected one that is new, or that asks for the same again; {key!r} belongs to {other}"
    return ValidationFailed(msg)
