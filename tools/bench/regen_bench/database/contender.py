"""What a queue must be able to do to be measured, each with a database of its own on one server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AbstractAsyncContextManager


class Worker(Protocol):
    """An idle worker that waits for a job."""

    async def pickup(self) -> float:
        """Inserts one job; seconds from the insert's beginning until the worker has it in hand."""
        ...


class Contender(Protocol):
    """One queue."""

    name: str

    def drain(self, url: str, depth: int, batch: int) -> float:
        """Queues ``depth`` jobs and takes them through their whole life over ``url``; seconds for each job.

        Raises:
            RuntimeError: not every job was done: the figure would mean nothing.
        """
        ...


class Listener(Protocol):
    """One queue whose workers are woken by PostgreSQL."""

    name: str

    def idle_worker(self) -> AbstractAsyncContextManager[Worker]:
        """A worker that waits with nothing to do."""
        ...


def in_loop(work: Coroutine[Any, Any, float]) -> float:
    """Runs ``work`` in uvloop's event loop, the fastest that each of the queues may choose."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def require_all(name: str, done: int, expected: int) -> None:
    """Refuses a figure of jobs that were not done.

    Raises:
        RuntimeError: see above.
    """
    if done != expected:
        message = f"{name}: expected {expected} finished jobs, got {done}: the figure would mean nothing"
        raise RuntimeError(message)
