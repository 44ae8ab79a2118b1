"""regen: its own SQL functions, on one connection as in the peers' workers, and its own listener and claim.

A drain claims a batch, then starts it and then completes it, with one statement each: what a worker that runs a batch of
jobs would do. A pod runs one job; ``writers.py`` measures that.

``Sets`` writes the same rows without the functions that start and complete, a whole batch by each statement. It is no part of
regen, whose pods have no batch; it shows what tables, keys, guards and audit chain cost by themselves.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from regen_bench.database.contender import require_all
from regen_core.states import Caps, Claim
from regen_operator.claim.dispatcher import Dispatcher
from regen_operator.claim.listener import Listener
from regen_operator.rows.database import Database
from regen_operator.telemetry.metrics import Metrics
from regen_schema.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from regen_operator.rows.values import JobRow

INSTRUCTION: Final = '{"type": "document", "version": 1, "inputs": {"title": "t", "markdown": "m"}}'
FILL: Final = f"""
    INSERT INTO "RegenerationJob" (id, "instructionJson") SELECT %s || '-' || n, '{INSTRUCTION}' FROM generate_series(1, %s) n
"""  # noqa: S608 - a constant
CLAIM: Final = "SELECT id FROM regen_claim_v1({batch}, 1000000, '{{}}', NULL, ARRAY['document'])"
START: Final = "SELECT outcome FROM unnest({ids}::text[]) AS i (id), regen_start_v1(i.id, 'uid', 'pod', repeat('n', 64))"
COMPLETE: Final = """
    SELECT regen_complete_v1(i.id, repeat('n', 64), 's3://b/document/' || i.id || '/manifest.json', jsonb_build_array(
        jsonb_build_object('name', 'a', 'ref', 's3://b/document/' || i.id || '/a', 'sha256', repeat('0', 64), 'sizeBytes', 1,
                           'mediaType', 'text/plain')))
    FROM unnest({ids}::text[]) AS i (id)
"""
START_SET: Final = """
    INSERT INTO "RegenerationRun" ("jobId", "podUid", "podName", nonce, "startedAt")
    SELECT i.id, 'uid', 'pod', repeat('n', 64), now() AT TIME ZONE 'UTC' FROM unnest({ids}::text[]) AS i (id) RETURNING "jobId"
"""
COMPLETE_SET: Final = """
    WITH written AS (
        INSERT INTO "RegenerationOutput" ("jobId", name, ref, sha256, "sizeBytes", "mediaType", "createdAt")
        SELECT i.id, 'a', 's3://b/document/' || i.id || '/a', repeat('0', 64), 1, 'text/plain', now() AT TIME ZONE 'UTC'
        FROM unnest({ids}::text[]) AS i (id) RETURNING "jobId"
    )
    UPDATE "RegenerationJob" SET status = 'COMPLETED', "completedAt" = now() AT TIME ZONE 'UTC',
        "outputRef" = 's3://b/document/' || id || '/manifest.json'
    WHERE id = ANY (ARRAY(SELECT "jobId" FROM written)) AND status = 'RUNNING' RETURNING id
"""
FUNCTIONS: Final = {"start": START, "complete": COMPLETE}
SETS: Final = {"start": START_SET, "complete": COMPLETE_SET}
_ONE: Final = 'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s::jsonb)'
_DONE: Final = """SELECT count(*) FROM "RegenerationJob" WHERE status = 'COMPLETED' AND id LIKE %s"""
_numbers = itertools.count()


class Regen:
    """The functions of migrations 0001 and later."""

    name = "regen"
    statements: Mapping[str, str] = FUNCTIONS

    def __init__(self, url: str) -> None:
        self.url = url
        migrate(url)

    def fill(self, depth: int) -> str:
        """Queues ``depth`` jobs; the beginning of their ids."""
        prefix = f"d{next(_numbers)}"
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(FILL, (prefix, depth))
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        return prefix

    def verify(self, prefix: str, depth: int) -> None:
        """Refuses a figure of jobs that did not become COMPLETED."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute(_DONE, (f"{prefix}-%",)).fetchone()
        require_all(self.name, row[0] if row else 0, depth)

    def drain(self, url: str, depth: int, batch: int) -> float:
        prefix = self.fill(depth)
        with psycopg.connect(url, autocommit=True, connect_timeout=10, prepare_threshold=0) as connection:
            seconds = sum(phases(connection, batch, self.statements).values())
        self.verify(prefix, depth)
        return seconds / depth

    @asynccontextmanager
    async def idle_worker(self) -> AsyncIterator[_Idle]:
        """The operator's listener and dispatcher; where it would launch, the clock stops."""
        idle = _Idle()
        database = Database(self.url, pool_size=2, timeout_seconds=30.0)
        claim = Claim(
            batch=20, caps=Caps(total=1_000_000, per_type={}, per_requester=None), known_types=frozenset({"document"})
        )
        dispatcher = Dispatcher(
            database,
            idle,  # type: ignore[arg-type] # the part of a Reconciler that a Dispatcher calls
            claim,
            lambda: None,
            metrics=Metrics(["document"]),
            poll_seconds=1.0,
        )
        listener = Listener(self.url, dispatcher.wake, timeout_seconds=30.0)
        await database.open()
        tasks = [asyncio.create_task(listener.run()), asyncio.create_task(dispatcher.run())]
        try:
            async with await psycopg.AsyncConnection.connect(self.url, autocommit=True, prepare_threshold=0) as idle.connection:
                async with asyncio.timeout(30):
                    while listener.proven is None:  # noqa: ASYNC110 - once, before anything is measured
                        await asyncio.sleep(0.01)
                yield idle
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await database.close()


class Sets(Regen):
    """The same rows, a whole batch by each statement."""

    name = "sets"
    statements: Mapping[str, str] = SETS


class _Idle:
    """Stands where the operator's Reconciler does, and inserts."""

    can_launch = True
    crowded: frozenset[str] = frozenset()
    connection: psycopg.AsyncConnection[Any]

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def launch_claimed(self, rows: Sequence[JobRow]) -> None:
        """Stops the clock."""
        now = time.perf_counter()
        for row in rows:
            self._waiting.pop(row.id).set_result(now)

    async def pickup(self) -> float:
        job_id = f"p{next(_numbers)}"
        picked = self._waiting[job_id] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self.connection.execute(_ONE, (job_id, INSTRUCTION))
        return await asyncio.wait_for(picked, 30) - began


def phases(connection: psycopg.Connection[Any], batch: int, statements: Mapping[str, str]) -> dict[str, float]:
    """Claims, and runs each of ``statements`` on what was claimed, until nothing waits; the seconds of each."""
    seconds = {"claim": 0.0} | dict.fromkeys(statements, 0.0)
    claim = CLAIM.format(batch="%s")
    while True:
        began = time.perf_counter()
        ids = [row[0] for row in connection.execute(claim, (batch,))]
        seconds["claim"] += time.perf_counter() - began
        if not ids:
            return seconds
        for name, statement in statements.items():
            began = time.perf_counter()
            connection.execute(statement.format(ids="%s"), (ids,)).fetchall()
            seconds[name] += time.perf_counter() - began
