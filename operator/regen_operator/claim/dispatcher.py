"""Claims PENDING jobs and starts their launches. The SQL of the claim enforces the caps."""

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

    from regen_operator.launch.launches import Launches
    from regen_operator.rows.database import Database
    from regen_operator.telemetry.metrics import Metrics

log = structlog.get_logger("regen.dispatcher")


class Dispatcher:
    """Claims after each notification, and every ``poll_seconds`` in case one was lost.

    ``blocked_types`` gives the types of which the cluster takes no more pods: they are not claimed, since the scheduler would
    let later pods pass earlier ones. ``changed`` is called after a claim.
    """

    def __init__(
        self,
        database: Database,
        launches: Launches,
        claim: Claim,
        *,
        blocked_types: Callable[[], frozenset[str]],
        changed: Callable[[], None],
        metrics: Metrics,
        poll_seconds: float,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._launches = launches
        self._blocked_types = blocked_types
        self._claim = claim
        self._changed = changed
        self._poll_seconds = poll_seconds
        self._hint = asyncio.Event()
        self.last_success: float | None = None
        """``time.monotonic()`` of the last time that every eligible job was claimed."""

    def enqueue(self) -> None:
        """Claims as soon as possible."""
        self._hint.set()

    async def run(self) -> None:
        """Claims until cancelled, while this replica leads."""
        while True:
            self._hint.clear()
            try:
                await self.drain()
                self.last_success = time.monotonic()
            except RegenError as error:
                log.warning("claim failed, will retry", error=error.message, retry_in=self._poll_seconds)
                await asyncio.sleep(self._poll_seconds)
            try:
                # Jitter spreads the claims of replicas that started together.
                async with asyncio.timeout(self._poll_seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - no secret
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def drain(self) -> int:
        """Claims batches until no job is eligible. Returns the number of claimed jobs.

        Raises:
            RegenError: the claim failed or its response was lost. In the second case the sweep launches the claimed jobs.
        """
        total = 0
        while self._launches.can_launch:
            rows = await self._database.claim(self._claim.without(self._blocked_types()))
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
                self._launches.start(claimed)
            if rows:
                self._changed()
            if len(rows) < self._claim.batch:
                break
        return total
