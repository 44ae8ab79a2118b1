"""procrastinate: its own worker over psycopg, one job for each query; ``batch`` is how many run at once. Its job writes no
output row; it keeps an event row for each transition. Of the queued jobs it takes ``SLOW_JOBS``, the rest wait behind them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import procrastinate
import psycopg
from procrastinate.worker import Worker as QueueWorker

from regen_bench.database.contender import in_loop, require_all
from regen_bench.database.sizes import SLOW_JOBS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_FILL = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    SELECT 'default', 'job', '{"title": "t", "markdown": "m"}' FROM generate_series(1, %s)
"""


class Procrastinate:
    """Its schema as it applies it."""

    name = "procrastinate"

    def __init__(self, url: str) -> None:
        self._url = url
        with procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url)).open() as app:
            app.schema_manager.apply_schema()

    def drain(self, url: str, depth: int, batch: int) -> float:
        with psycopg.connect(self._url, autocommit=True, connect_timeout=10) as connection:
            connection.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
            connection.execute(_FILL, (depth,))
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
            before = self._succeeded(connection)
            count = min(depth, SLOW_JOBS)
            seconds, ran = asyncio_drain(url, batch, count)
            require_all(self.name, self._succeeded(connection) - before, ran)
        return seconds / ran

    @staticmethod
    def _succeeded(connection: psycopg.Connection[tuple[int]]) -> int:
        row = connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'").fetchone()
        return row[0] if row else 0

    @asynccontextmanager
    async def idle_worker(self) -> AsyncIterator[_Idle]:
        async with _app(self._url) as app:
            idle = _Idle()

            @app.task(name="job")
            async def job(**_: str) -> None:
                idle.picked.set_result(time.perf_counter())

            async def defer() -> None:
                await job.defer_async(title="t", markdown="m")

            idle.defer = defer
            await _delete_waiting(self._url)
            running = asyncio.create_task(app.run_worker_async(install_signal_handlers=False, update_heartbeat_interval=10))
            try:
                await idle.pickup()  # the worker listens when it has taken one
                yield idle
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running


class _Idle:
    picked: asyncio.Future[float]
    defer: Callable[[], Awaitable[None]]

    async def pickup(self) -> float:
        self.picked = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self.defer()
        return await asyncio.wait_for(self.picked, 60) - began


def asyncio_drain(url: str, concurrency: int, count: int) -> tuple[float, int]:
    """Seconds in which ``count`` jobs or a few more were done, and how many."""
    ran = 0

    async def drain() -> float:
        nonlocal ran
        async with _app(url) as app:
            worker = QueueWorker(app, concurrency=concurrency, wait=False, install_signal_handlers=False)

            @app.task(name="job")
            async def job(**_: str) -> None:
                nonlocal ran
                ran += 1
                if ran >= count:
                    worker.stop()

            began = time.perf_counter()
            await worker.run()
            return time.perf_counter() - began

    return in_loop(drain()), ran


@asynccontextmanager
async def _app(url: str) -> AsyncIterator[procrastinate.App]:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=60))
    async with app.open_async():
        yield app


async def _delete_waiting(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
