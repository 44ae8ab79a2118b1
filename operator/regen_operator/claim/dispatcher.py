"""Claims PENDING jobs and starts their launches. The SQL of the claim enforces the caps."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final

import structlog

from regen_core.errors import RegenError
from regen_core.states import Claim, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regen_operator.launch.launches import Launches
    from regen_operator.rows.database import Database
    from regen_operator.telemetry.metrics import Metrics

log = structlog.get_logger("regen.dispatcher")

LOCK_WARNING_SECONDS: Final = 5.0
"""A claim takes milliseconds."""


class Dispatcher:
    """Claims after each notification, and every ``poll_seconds`` in case one was lost.

    ``limits`` gives the number of jobs that may run of each type whose pods cannot start now. Such types are not claimed, since
    their jobs would wait with a slot taken, and the scheduler would let later pods pass earlier ones. ``changed`` is called
    after a claim.
    """

    def __init__(
        self,
        database: Database,
        launches: Launches,
        claim: Claim,
        *,
        limits: Callable[[], Mapping[str, int]],
        changed: Callable[[], None],
        metrics: Metrics,
        poll_seconds: float,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._launches = launches
        self._limits = limits
        self._claim = claim
        self._changed = changed
        self._poll_seconds = poll_seconds
        self._hint = asyncio.Event()
        self._blocked_since: float | None = None
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
                if await self.drain() or not await self._is_blocked():
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

    async def _is_blocked(self) -> bool:
        """Return whether another transaction holds the claim's lock, so that finding no job means nothing.

        Two leaders can overlap for a moment. A lock held for ``LOCK_WARNING_SECONDS`` belongs to a hung session: it is
        logged, and since ``last_success`` ages, the replica becomes unready.
        """
        if not await self._database.claim_held():
            self._blocked_since = None
            self._metrics.claim_blocked.set(0)
            return False
        now = time.monotonic()
        if self._blocked_since is None:
            self._blocked_since = now
        blocked = now - self._blocked_since
        self._metrics.claim_blocked.set(blocked)
        if blocked >= LOCK_WARNING_SECONDS:
            log.warning("claim blocked, another transaction holds its lock", blocked_seconds=round(blocked, 1))
        return True

    async def drain(self) -> int:
        """Claims batches until no job is eligible. Returns the number of claimed jobs.

        Raises:
            RegenError: the claim failed or its response was lost. In the second case the sweep launches the claimed jobs.
        """
        total = 0
        while self._launches.can_launch:
            rows = await self._database.claim(self._claim.limited(self._limits()))
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
