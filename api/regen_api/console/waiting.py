"""Why a PENDING job waits: what runs beside it, its place in the queue, and which cap that reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.sql import script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from regen_api.jobs.views import JobSummary
    from regen_core.states import Caps

_QUERY: Final = script("operator/waiting.sql").text


@dataclass(frozen=True, slots=True)
class Queue:
    """What runs beside a waiting job. ``place`` counts from 1; None is beyond the first thousand."""

    running: int
    of_type: int
    of_requester: int
    place: int | None


async def queues(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Queue]:
    """Of each of ``ids`` that is PENDING."""
    if not ids:
        return {}
    rows: Sequence[Any] = (await connection.exec_driver_sql(_QUERY, {"ids": list(ids)})).all()
    return {row[0]: Queue(*row[1:]) for row in rows}


def reason(job: JobSummary, queue: Queue, caps: Caps | None) -> str:
    """One sentence. The caps are the operator's; None is that this process was not told them."""
    place = "beyond the first 1,000 of the queue" if queue.place is None else f"number {queue.place:,} in the queue"
    beside = f"{queue.running:,} {_jobs(queue.running)}, {queue.of_type:,} of type {job.type}"
    if caps is None:
        return f"{place}; {beside}" if queue.running else f"{place}; no job runs"
    type_cap = caps.per_type.get(job.type or "")
    if type_cap is not None and queue.of_type >= type_cap:
        return f"the limit for type {job.type} is reached: {queue.of_type:,} of {type_cap:,} run; {place}"
    if job.requested_by and caps.per_requester is not None and queue.of_requester >= caps.per_requester:
        limit = f"{queue.of_requester:,} of {caps.per_requester:,} run"
        return f"the limit for {job.requested_by} is reached: {limit}; {place}"
    if queue.running >= caps.total:
        return f"the limit for all jobs is reached: {queue.running:,} of {caps.total:,} run; {place}"
    return f"a slot is free; {place}"


def _jobs(count: int) -> str:
    return "job runs" if count == 1 else "jobs run"
