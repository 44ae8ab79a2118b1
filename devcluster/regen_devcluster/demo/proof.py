"""What must hold of the rows and the objects when all jobs have ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, LiteralString

import psycopg

from regen_core.database.audit import SELECT_EVENTS, AuditRecord, verify_chain

if TYPE_CHECKING:
    from regen_devcluster.demo.objects import Objects

OUTPUTS: LiteralString = """
SELECT sha256, ref, "sizeBytes" FROM "RegenerationOutput" WHERE "jobId" = ANY (%s) ORDER BY ref
"""

WRONG_SETS: LiteralString = """
SELECT j.id, j.status::text, count(o.name) FROM "RegenerationJob" j LEFT JOIN "RegenerationOutput" o ON o."jobId" = j.id
WHERE j.id = ANY (%s) GROUP BY j.id
HAVING (j.status = 'COMPLETED') <> (count(o.name) > 0) OR (j.status = 'COMPLETED') <> (j."outputRef" IS NOT NULL)
"""

LOCKED, STARTED = "REGEN_JOB_LOCKED", "REGEN_JOB_STARTED"
COMPLETED, FAILED = "REGEN_JOB_COMPLETED", "REGEN_JOB_FAILED"
LIVES = ([LOCKED, STARTED, COMPLETED], [LOCKED, STARTED, FAILED], [LOCKED, FAILED])
"""The events of a whole life, in the only orders that there are."""


async def check(url: str, objects: Objects, ids: list[str]) -> list[str]:
    """What does not hold, one sentence each."""
    faults = []
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10) as connection:
        for job_id, status, count in await (await connection.execute(WRONG_SETS, (ids,))).fetchall():
            faults.append(f"{job_id} is {status} and has {count} outputs")
        for job_id in ids:
            records = [AuditRecord(*row) for row in await (await connection.execute(SELECT_EVENTS, (job_id,))).fetchall()]
            if (events := [record.event for record in records]) not in LIVES:
                faults.append(f"{job_id}: its audit events are {events}")
            faults += [f"{job_id}: audit event {fault.event_id}: {fault.message}" for fault in verify_chain(records)]
        rows = await (await connection.execute(OUTPUTS, (ids,))).fetchall()
    if not rows:
        faults.append("no job has an output")
    for sha256, ref, size in rows:
        if await asyncio.to_thread(objects.digest, ref) != (sha256, size):
            faults.append(f"{ref}: the object's bytes are not those of its row")
    return faults


async def outputs(url: str, ids: list[str]) -> list[tuple[str, str]]:
    """SHA-256 and URL of every output, by URL."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10) as connection:
        rows = await (await connection.execute(OUTPUTS, (ids,))).fetchall()
    return [(sha256, ref) for sha256, ref, _ in rows]
