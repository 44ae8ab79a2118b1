"""The jobs that a job repeats, back to the first (rule R7: each retry is a job of its own that names the one before)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Text, cast, literal, select

from regen_core.database.tables import job
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

CHAIN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Link:
    """A job of the chain."""

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
