"""pgqueuer: its own QueueManager over asyncpg, the faster of its drivers. Its job writes no output row and it keeps two log
rows for each job, so that it writes less than regen does.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from regen_bench.database.contender import in_loop, require_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pgqueuer.models import Job

ENTRYPOINT = "document"
PAYLOAD = b'{"title": "t", "markdown": "m"}'


class Pgqueuer:
    """Its schema as it installs it (durable tables)."""

    name = "pgqueuer"

    def __init__(self, url: str) -> None:
        self._url = url
        in_loop(self._install())

    def drain(self, url: str, depth: int, batch: int) -> float:
        return in_loop(self._drain(url, depth, batch))

    async def _install(self) -> float:
        connection = await asyncpg.connect(self._url, timeout=10)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()
        return 0.0

    async def _drain(self, url: str, depth: int, batch: int) -> float:
        own = await asyncpg.connect(self._url, timeout=10)
        queries = Queries(AsyncpgDriver(own))
        for begin in range(0, depth, 10_000):
            count = min(10_000, depth - begin)
            await queries.enqueue([ENTRYPOINT] * count, [PAYLOAD] * count, [0] * count)
        await own.execute("VACUUM ANALYZE")
        await own.execute("CHECKPOINT")
        before = await own.fetchval("SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'")
        connection = await asyncpg.connect(url, timeout=10)
        manager, ran = QueueManager(Queries(AsyncpgDriver(connection))), 0

        @manager.entrypoint(ENTRYPOINT)
        async def job(_: Job) -> None:
            nonlocal ran
            ran += 1

        began = time.perf_counter()
        await manager.run(batch_size=batch, mode=QueueExecutionMode.drain, log_aggregation_interval=timedelta(0))
        seconds = time.perf_counter() - began
        after = await own.fetchval("SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'")
        await connection.close()
        await own.close()
        require_all(self.name, ran, depth)
        require_all(self.name, after - before, depth)
        return seconds / depth

    @asynccontextmanager
    async def idle_worker(self) -> AsyncIterator[_Idle]:
        idle = _Idle(await asyncpg.connect(self._url, timeout=10))
        connection = await asyncpg.connect(self._url, timeout=10)
        manager = QueueManager(Queries(AsyncpgDriver(connection)))

        @manager.entrypoint(ENTRYPOINT)
        async def job(_: Job) -> None:
            idle.picked.set_result(time.perf_counter())

        running = asyncio.create_task(manager.run(batch_size=10))
        try:
            await idle.pickup()  # the worker listens when it has taken one
            yield idle
        finally:
            manager.shutdown.set()
            await running
            await connection.close()
            await idle.connection.close()


class _Idle:
    picked: asyncio.Future[float]

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self.connection = connection
        self._queries = Queries(AsyncpgDriver(connection))

    async def pickup(self) -> float:
        self.picked = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._queries.enqueue(ENTRYPOINT, PAYLOAD)
        return await asyncio.wait_for(self.picked, 60) - began
