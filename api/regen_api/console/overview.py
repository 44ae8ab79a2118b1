"""The queue at a glance: what waits, what runs, and what ended in the last hour. Each figure is bounded in what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select, text

from regen_core.states import JobStatus
from regen_schema.tables import job, job_status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

COUNT_MAX: Final = 10_000
"""Where counting stops: an index scan of a few milliseconds."""
ENDED_MAX: Final = 50_000
"""How many ended jobs of the last hour are looked at, the latest first."""
MINUTES: Final = 60


@dataclass(frozen=True, slots=True)
class Overview:
    """``now`` is the database's, UTC. Counts stop at ``COUNT_MAX``; those of ended jobs are per minute, oldest first."""

    now: datetime
    waiting: int
    running: int
    oldest: datetime | None
    completed: tuple[int, ...]
    failed: tuple[int, ...]
    is_cut: bool


async def overview(connection: AsyncConnection) -> Overview:
    """The figures of this moment."""
    now: datetime = (await connection.execute(select(text("(now() AT TIME ZONE 'UTC')::timestamp(3)")))).scalar_one()
    waiting: int = (await connection.execute(counted_statement(JobStatus.PENDING))).scalar_one()
    running: int = (await connection.execute(counted_statement(JobStatus.RUNNING))).scalar_one()
    # Beyond COUNT_MAX it is the oldest of those that were looked at: no index has PENDING rows by their age alone.
    oldest: datetime | None = (await connection.execute(oldest_statement())).scalar_one_or_none()
    counts = {(int(row[0]), JobStatus(row[1])): int(row[2]) for row in await connection.execute(ended_statement(now))}
    return Overview(
        now=now,
        waiting=waiting,
        running=running,
        oldest=oldest,
        completed=_minutes(counts, JobStatus.COMPLETED),
        failed=_minutes(counts, JobStatus.FAILED),
        is_cut=sum(counts.values()) >= ENDED_MAX,
    )


def _literal(status: JobStatus) -> object:
    """A literal, so that every plan may use the partial indexes."""
    return bindparam(None, str(status), job_status, literal_execute=True)


def counted_statement(status: JobStatus) -> Select[Any]:
    """How many jobs have ``status``, up to ``COUNT_MAX``."""
    some = select(job.c.id).where(job.c.status == _literal(status)).limit(COUNT_MAX).subquery()
    return select(func.count()).select_from(some)


def oldest_statement() -> Select[Any]:
    """When the oldest PENDING job was made, of ``COUNT_MAX`` at the most."""
    some = select(job.c.createdAt).where(job.c.status == _literal(JobStatus.PENDING)).limit(COUNT_MAX).subquery()
    return select(func.min(some.c.createdAt))


def ended_statement(now: datetime) -> Select[Any]:
    """(minutes ago, status, jobs) of those that ended in the last hour, the latest ``ENDED_MAX`` at the most."""
    minute = func.floor(func.extract("epoch", now - job.c.completedAt) / 60).label("minute")
    latest = (
        select(minute, job.c.status.label("status"))
        .where(job.c.completedAt >= now - timedelta(minutes=MINUTES))
        .order_by(job.c.completedAt.desc(), job.c.id.desc())
        .limit(ENDED_MAX)
        .subquery()
    )
    return select(latest.c.minute, latest.c.status, func.count()).group_by(latest.c.minute, latest.c.status)


def _minutes(counts: Mapping[tuple[int, JobStatus], int], status: JobStatus) -> tuple[int, ...]:
    return tuple(counts.get((minute, status), 0) for minute in reversed(range(MINUTES)))


@dataclass(frozen=True, slots=True)
class Bar:
    """A minute in the picture, in its own units: one wide, ``HEIGHT`` high."""

    x: int
    completed: float
    failed: float


HEIGHT: Final = 24


def bars(completed: Sequence[int], failed: Sequence[int]) -> list[Bar]:
    """Minutes as stacked bars; the fullest fills the height. What is not nothing can be seen."""
    most = max((a + b for a, b in zip(completed, failed, strict=True)), default=0)
    if most == 0:
        return []

    def high(count: int) -> float:
        return max(2.0, round(count / most * HEIGHT, 2)) if count else 0.0

    found = []
    for x, (fine, bad) in enumerate(zip(completed, failed, strict=True)):
        tall = min(high(fine), HEIGHT - high(bad))
        found.append(Bar(x, tall, high(bad)))
    return found
