"""Claims what waits and hands it to be launched. One claimer per replica; the caps live in the claim's SQL."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import structlog

from regen_core.errors import RegenError
from regen_core.states import Claim, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from regen_operator.recover.reconciler import Reconciler
    from regen_operator.rows.database import Database
    from regen_operator.telemetry.metrics import Metrics

log = structlog.get_logger("regen.dispatcher")


class Dispatcher:
    """Woken by the listener; polls underneath for a notification that was lost."""

    def __init__(
        self,
        database: Database,
        reconciler: Reconciler,
        claim: Claim,
        changed: Callable[[], None],
        *,
        metrics: Metrics,
        poll_seconds: float,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._reconciler = reconciler
        self._claim = claim
        self._changed = changed
        self._poll_seconds = poll_seconds
        self._hint = asyncio.Event()
        self.last_success: float | None = None
        """``time.monotonic()`` of the last time that everything eligible was claimed."""

    def wake(self) -> None:
        """Claims soon."""
        self._hint.set()

    async def run(self) -> None:
        """Claims until cancelled."""
        while True:
            self._hint.clear()
            try:
                await self.drain()
                self.last_success = time.monotonic()
            except RegenError as error:
                log.warning("claim put off", error=error.message)
                await asyncio.sleep(self._poll_seconds)
            try:
                # Jitter keeps replicas that started together from asking together.
                async with asyncio.timeout(self._poll_seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - no secret
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def drain(self) -> int:
        """Claims batch after batch until nothing more is eligible; how many were claimed.

        Raises:
            RegenError: the claim failed or was not answered; if it was done nevertheless, the sweep launches its jobs.
        """
        total = 0
        while self._reconciler.can_launch:
            rows = await self._database.claim(self._claim.without(self._reconciler.crowded))
            total += len(rows)
            claimed = [row for row in rows if row.status is JobStatus.RUNNING]
            for row in rows:
                self._metrics.claims.labels(self._metrics.label(row.type)).inc()
                waited = None if row.created_at is None or row.locked_at is None else row.locked_at - row.created_at
                log.info(
                    "job claimed",
                    job_id=row.id,
                    type=row.type,
                    queued_seconds=None if waited is None else round(waited.total_seconds(), 3),
                )
            if claimed:
                self._reconciler.launch_claimed(claimed)
            if rows:
                self._changed()
            if len(rows) < self._claim.batch:
                break
        return total
