"""A queue of job ids with a delay each. An id is in the queue at most once."""

from __future__ import annotations

import asyncio
import time


class WorkQueue:
    """Adding a queued id keeps the earlier of both times."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._due

    def add(self, job_id: str, delay_seconds: float = 0.0) -> None:
        """Queues ``job_id`` for a time ``delay_seconds`` from now."""
        due = time.monotonic() + delay_seconds
        if due < self._due.get(job_id, float("inf")):
            self._due[job_id] = due
            self._changed.set()

    def clear(self) -> None:
        """Removes every id."""
        self._due.clear()

    async def take(self, limit: int) -> list[str]:
        """Waits until an id is due, then removes and returns up to ``limit`` due ids, the earliest first."""
        while True:
            now = time.monotonic()
            ready = sorted((due, job_id) for job_id, due in self._due.items() if due <= now)[:limit]
            if ready:
                for _, job_id in ready:
                    del self._due[job_id]
                return [job_id for _, job_id in ready]
            self._changed.clear()
            nearest = min(self._due.values(), default=None)
            try:
                async with asyncio.timeout(None if nearest is None else max(0.0, nearest - time.monotonic())):
                    await self._changed.wait()
            except TimeoutError:
                continue
