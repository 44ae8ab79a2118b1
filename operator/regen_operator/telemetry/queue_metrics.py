"""Reads what the metrics tell of rows: the queue, what runs, what ended, and whether the audit chains hold.

A few bounded statements every ``metrics_seconds``, in every replica, so that a change of leader leaves no gap; nothing is
read when somebody scrapes. The walk over the audit trail is the leader's: a page at a time, round and round.
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
    from collections.abc import Callable

    from regen_operator.rows.database import Database
    from regen_operator.settings import Settings
    from regen_operator.telemetry.metrics import Metrics
    from regen_operator.telemetry.transitions import Transitions

log = structlog.get_logger("regen.census")

PAGE: Final = 1000
AUDIT_PAGE: Final = 500
OVERLAP_SECONDS: Final = 30.0
"""A transaction commits after the stamp that it writes, so what ended is read again for so long, and counted once."""


class Census:
    """``crowded`` gives the types whose launched jobs find no node; ``leads`` says whether this replica leads."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        settings: Settings,
        *,
        transitions: Transitions,
        crowded: Callable[[], frozenset[str]],
        leads: Callable[[], bool],
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._settings = settings
        self._transitions = transitions
        self._crowded = crowded
        self._leads = leads
        self._since: datetime | None = None
        self._counted: dict[str, datetime] = {}
        self._walked = 0
        self._broken_before = 0
        self._broken_now = 0
        self._doubts: list[str] = []

    async def run(self, done: Callable[[], None]) -> None:
        """Takes a census until cancelled; ``done`` is called after each that succeeded."""
        while True:
            try:
                await self.take()
                done()
            except RegenError as error:
                log.warning("census put off", error=error.message)
            await asyncio.sleep(self._settings.metrics_seconds)

    async def take(self) -> None:
        """One census.

        Raises:
            RegenError: the database did not answer, or refused; what was counted before stands.
        """
        if self._since is None:
            self._since = await self._database.clock()
        caps = self._settings.caps
        self._metrics.queue(await self._database.census(caps, self._crowded(), depth=DEPTH))
        self._metrics.slots(await self._database.occupied(), caps.total, caps.per_type)
        await self._count_ended(self._since)
        await self._see_durability()
        if self._leads():
            await self._walk_audit()
        else:
            # What the walk found is the leader's to say. It is kept: a lease may be lost for a moment.
            self._metrics.audit_broken.set(0)

    async def _see_durability(self) -> None:
        """Says once that the server may forget commits, and again when the reason changes."""
        doubts = await self._database.doubts()
        self._metrics.durable.set(not doubts)
        if doubts and doubts != self._doubts:
            log.warning("acknowledged commits may be lost: nothing that regen promises holds", settings=doubts)
        self._doubts = doubts

    async def _count_ended(self, started: datetime) -> None:
        """Every job that ended since this replica started, once."""
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

    async def _walk_audit(self) -> None:
        """Recomputes one page of the audit trail."""
        page = await self._database.audited(self._walked, limit=AUDIT_PAGE)
        for record, previous in page:
            self._walked = record.id
            if record.prev_hash != previous or record.hash != event_hash(record):
                self._broken_now += 1
                log.error("audit chain broken", job_id=record.job_id, event_id=record.id)
        self._metrics.audit_checked.inc(len(page))
        if len(page) < AUDIT_PAGE:
            self._broken_before, self._broken_now, self._walked = self._broken_now, 0, 0
        self._metrics.audit_broken.set(max(self._broken_before, self._broken_now))
