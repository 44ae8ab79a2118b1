"""The jobs that a job repeats, and those that repeat it (rule R7: each retry is a job of its own that names the one before)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, cast, literal, select

from regen_core.states import JobStatus
from regen_schema.tables import job

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

CHAIN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Link:
    """A job that another repeats, or that repeats another."""

    id: str
    status: JobStatus
    created_at: datetime


async def ancestors(connection: AsyncConnection, retry_of: str | None) -> list[Link]:
    """The job of that id and those that it repeats in turn, the nearest first; each is one look-up by primary key."""
    if retry_of is None:
        return []
    columns = (job.c.id, cast(job.c.status, Text).label("status"), job.c.createdAt, job.c.retryOf)
    chain = select(*columns, literal(1).label("depth")).where(job.c.id == retry_of).cte("chain", recursive=True)
    before = select(*columns, chain.c.depth + 1).where(job.c.id == chain.c.retryOf, chain.c.depth < CHAIN_MAX)
    chain = chain.union_all(before)
    rows = await connection.execute(select(chain.c.id, chain.c.status, chain.c.createdAt).order_by(chain.c.depth))
    return [Link(row[0], JobStatus(row[1]), row[2]) for row in rows]


def later_statement(job_id: str) -> Select[Any]:
    """The jobs that try ``job_id`` again and those that try them again in turn, up to ``CHAIN_MAX``, in no order.

    Each step is one look into an index; the limit ends it early, however many there are.
    """
    columns = (job.c.id, cast(job.c.status, Text).label("status"), job.c.createdAt)
    chain = select(*columns, literal(1).label("depth")).where(job.c.retryOf == job_id).cte("later", recursive=True)
    after = select(*columns, chain.c.depth + 1).where(job.c.retryOf == chain.c.id, chain.c.depth < CHAIN_MAX)
    chain = chain.union_all(after)
    return select(chain.c.id, chain.c.status, chain.c.createdAt).limit(CHAIN_MAX)


async def later(connection: AsyncConnection, job_id: str) -> list[Link]:
    """The jobs that try ``job_id`` again, directly or in turn, oldest first, ``CHAIN_MAX`` at the most."""
    rows = await connection.execute(later_statement(job_id))
    return sorted((Link(row[0], JobStatus(row[1]), row[2]) for row in rows), key=lambda link: (link.created_at, link.id))
