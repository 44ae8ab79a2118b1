"""Collects the metrics of rows: the queue, running and finished jobs, and the audit chains.

A few bounded statements every ``metrics_seconds``, in every replica, so that a change of leader leaves no gap. A scrape reads
nothing. Only the leader verifies the audit trail, one page per collection, repeatedly from its start.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from regen_core.audit_chain import event_hash
from regen_core.errors import RegenError
from regen_operator.telemetry.metrics import DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from regen_operator.rows.database import Database
    from regen_operator.settings import Settings
    from regen_operator.telemetry.metrics import Metrics
    from regen_operator.telemetry.transitions import Transitions

log = structlog.get_logger("regen.metrics")

PAGE: Final = 1000
AUDIT_PAGE: Final = 500
OVERLAP_SECONDS: Final = 30.0
"""A transaction commits after the timestamp that it writes, so ended jobs of this interval are read again, and counted once."""


class QueueMetrics:
    """``blocked_types`` gives the types whose pods cannot start; ``leads``, whether this replica leads."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        settings: Settings,
        *,
        transitions: Transitions,
        blocked_types: Callable[[], Collection[str]],
        leads: Callable[[], bool],
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._settings = settings
        self._transitions = transitions
        self._blocked_types = blocked_types
        self._leads = leads
        self._since: datetime | None = None
        self._counted: dict[str, datetime] = {}
        self._verified_until = 0
        self._broken_last_pass = 0
        self._broken_this_pass = 0
        self._doubts: list[str] = []

    async def run(self, done: Callable[[], None]) -> None:
        """Collects until cancelled; ``done`` is called after each success."""
        while True:
            try:
                await self.collect()
                done()
            except RegenError as error:
                log.warning(
                    "collection of metrics failed, will retry", error=error.message, retry_in=self._settings.metrics_seconds
                )
            await asyncio.sleep(self._settings.metrics_seconds)

    async def collect(self) -> None:
        """Collects once.

        Raises:
            RegenError: the database failed. What was counted before remains.
        """
        if self._since is None:
            self._since = await self._database.clock()
        caps = self._settings.caps
        self._metrics.queue(await self._database.queue_groups(caps, self._blocked_types(), depth=DEPTH))
        self._metrics.slots(await self._database.running_by_type(), caps.total, caps.per_type)
        await self._count_ended(self._since)
        await self._check_durability()
        if self._leads():
            await self._verify_audit()
        else:
            # Only the leader shows what the verification found. The counts are kept: a Lease may be lost for a moment.
            self._metrics.audit_broken.set(0)

    async def _check_durability(self) -> None:
        """Warns once if the server's settings can lose commits, and again when the reason changes."""
        doubts = await self._database.doubts()
        self._metrics.durable.set(not doubts)
        if doubts and doubts != self._doubts:
            log.warning("database may lose acknowledged commits, so jobs may run twice or lose their outcome", settings=doubts)
        self._doubts = doubts

    async def _count_ended(self, started: datetime) -> None:
        """Counts every job that ended since this replica started, once."""
        newest = max(self._counted.values(), default=started)
        moment, job_id = max(started, newest - timedelta(seconds=OVERLAP_SECONDS)), ""
        while True:
            page = await self._database.outcomes(moment, job_id, limit=PAGE)
            for job in page:
                if job.id not in self._counted:
                    self._metrics.ended(job)
                    if self._leads():
                        self._transitions.ended(job)
                self._counted[job.id] = job.completed_at
            if len(page) < PAGE:
                break
            moment, job_id = page[-1].completed_at, page[-1].id
        newest = max(self._counted.values(), default=started)
        limit = newest - timedelta(seconds=2 * OVERLAP_SECONDS)
        self._counted = {job_id: at for job_id, at in self._counted.items() if at >= limit}

    async def _verify_audit(self) -> None:
        """Verifies one page of the audit trail by recomputing its hashes."""
        page = await self._database.audited(self._verified_until, limit=AUDIT_PAGE)
        for record, previous in page:
            self._verified_until = record.id
            if record.prev_hash != previous or record.hash != event_hash(record):
                self._broken_this_pass += 1
                log.error("audit chain broken", job_id=record.job_id, event_id=record.id)
        self._metrics.audit_checked.inc(len(page))
        if len(page) < AUDIT_PAGE:
            self._broken_last_pass, self._broken_this_pass, self._verified_until = self._broken_this_pass, 0, 0
        self._metrics.audit_broken.set(max(self._broken_last_pass, self._broken_this_pass))
