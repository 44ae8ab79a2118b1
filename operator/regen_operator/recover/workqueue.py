"""Job ids that want a look, each at most once, each not before its time."""

from __future__ import annotations

import asyncio
import time


class WorkQueue:
    """An id that is added again keeps its earlier time."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._due

    def add(self, job_id: str, delay_seconds: float = 0.0) -> None:
        """Asks for a look at ``job_id`` after ``delay_seconds``."""
        due = time.monotonic() + delay_seconds
        if due < self._due.get(job_id, float("inf")):
            self._due[job_id] = due
            self._changed.set()

    def clear(self) -> None:
        """Forgets everything."""
        self._due.clear()

    async def take(self, limit: int) -> list[str]:
        """Waits for ids whose time has come; up to ``limit`` of them, the longest due first."""
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
