"""The queue as it is now: why jobs wait, and what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regen_api.jobs.views import JobSummary, Waiting
from regen_core.states import JobStatus
from regen_schema.sql import script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

_WAITING: Final = script("waiting.sql").text
_CURRENT: Final = script("current.sql").text


async def queues(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Waiting]:
    """Why each of ``ids`` that is PENDING waits."""
    if not ids:
        return {}
    rows: Sequence[Any] = (await connection.exec_driver_sql(_WAITING, {"ids": list(ids)})).all()
    return {
        job_id: Waiting(running=running, running_of_type=of_type, running_of_requester=of_requester, place=place)
        for job_id, running, of_type, of_requester, place in rows
    }


async def going_on(connection: AsyncConnection, limit: int) -> list[JobSummary]:
    """What ended within the last minute, what runs, and the head of the queue; ``limit`` of the first and the last."""
    rows: Sequence[Any] = (await connection.exec_driver_sql(_CURRENT, {"limit": limit})).all()
    return [
        JobSummary(
            id=row[0], type=row[1], status=JobStatus(row[2]), priority=row[3], requested_by=row[4], created_at=row[5],
            locked_at=row[6], completed_at=row[7], classification=row[8], retry_of=row[10],
        )
        for row in rows
    ]  # fmt: skip
