"""Finds jobs that no event reported, by the database's clock: a sweep every few seconds, a full resync every minute."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from regen_core.errors import RegenError
from regen_core.names import ANNOTATION_JOB_ID, LABEL_MANAGED_BY, MANAGED_BY
from regen_operator.kube.client import JOBS
from regen_operator.kube.errors import KubeError
from regen_operator.kube.views import job_view
from regen_operator.rows.database import StatementTimedOut

if TYPE_CHECKING:
    from regen_operator.kube.client import KubeClient
    from regen_operator.launch.classes import Classes
    from regen_operator.recover.reconciler import Reconciler
    from regen_operator.rows.database import Database
    from regen_operator.settings import Settings
    from regen_operator.telemetry.metrics import Metrics

log = structlog.get_logger("regen.sweep")

LIMIT: Final = 1000
REPAIR_LIMIT: Final = 500
ABSENCE_SECONDS: Final = 7 * 86_400.0
"""How far back a new leader searches for missing audit events: the longest expected time without a leader."""
SHRINK_FACTOR: Final = 8
GROWTH_FACTOR: Final = 2
"""The search interval shrinks after a statement timeout and grows after a success, so that few searches time out."""


class Sweep:
    """Queues jobs for the reconciler, which decides."""

    def __init__(
        self,
        database: Database,
        kube: KubeClient,
        reconciler: Reconciler,
        classes: Classes,
        settings: Settings,
        *,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._kube = kube
        self._reconciler = reconciler
        self._settings = settings
        pending = settings.pending_deadline_seconds
        shortest = min(classes.active_deadline(one, pending) for one in classes.by_type.values())
        self.last_success: float | None = None
        """``time.monotonic()`` of the last successful sweep."""
        self._late_seconds = pending + shortest + settings.grace_seconds
        self._repaired_at: float | None = None
        self._reach = ABSENCE_SECONDS

    async def run(self) -> None:
        """Sweeps until cancelled, while this replica leads. Begins with a full resync."""
        loop = asyncio.get_running_loop()
        next_resync = loop.time()
        self._repaired_at, self._reach = None, ABSENCE_SECONDS
        while True:
            try:
                if loop.time() >= next_resync:
                    await self.resync()
                    next_resync = loop.time() + self._settings.resync_seconds
                await self.sweep()
                self.last_success = time.monotonic()
            except (RegenError, KubeError) as error:
                log.warning("sweep failed, will retry", error=error.message, retry_in=self._settings.sweep_seconds)
            await asyncio.sleep(self._settings.sweep_seconds)

    async def sweep(self) -> None:
        """Queues RUNNING jobs without a fence, and those past their deadline.

        Raises:
            RegenError: the rows could not be read.
        """
        ids = await self._database.overdue(
            start_seconds=self._settings.sweep_seconds, late_seconds=self._late_seconds, limit=LIMIT
        )
        for job_id in ids:
            self._reconciler.enqueue_unless_queued(job_id)

    async def resync(self) -> None:
        """Queues every RUNNING job and every active Job whose row has ended; repairs the audit trail.

        Raises:
            RegenError: the rows could not be read.
            KubeError: the Jobs could not be listed.
        """
        for job_id in await self._database.running():
            self._reconciler.requeue(job_id)
        await self._repair_audit()
        for job_id in await self._database.ended(await self._active_jobs()):
            self._reconciler.check_job(job_id)

    async def _active_jobs(self) -> list[str]:
        labels = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
        active = []
        async for page in self._kube.pages(JOBS, self._settings.runner_namespace, labels=labels):
            jobs = [job_view(body) for body in page.body.get("items") or []]
            active += [
                job.annotations[ANNOTATION_JOB_ID]
                for job in jobs
                if not job.is_finished and not job.deleting and ANNOTATION_JOB_ID in job.annotations
            ]
        return active

    async def _repair_audit(self) -> None:
        """Adds missing audit events since the last complete repair. A failure never stops a sweep (rule R10)."""
        now = asyncio.get_running_loop().time()
        wanted = ABSENCE_SECONDS if self._repaired_at is None else now - self._repaired_at
        since, margin = min(wanted, self._reach), self._settings.resync_seconds * 10
        try:
            repaired = await self._database.repair_audit(limit=REPAIR_LIMIT, seconds=since + margin)
        except StatementTimedOut as error:
            # So many jobs ended that the search takes too long. Search a shorter interval next, but not 0, which cannot grow.
            self._reach = max(since / SHRINK_FACTOR, margin)
            log.warning("audit repair failed, will retry", error=error.message, seconds=since)
            return
        except RegenError as error:
            log.warning("audit repair failed, will retry", error=error.message, seconds=since)
            return
        self._metrics.audit_repairs.inc(len(repaired))
        if len(repaired) < REPAIR_LIMIT:
            self._repaired(now, since, wanted)
        for event in repaired:
            log.warning("audit event repaired", job_id=event.job_id, event_name=event.event)

    def _repaired(self, now: float, since: float, wanted: float) -> None:
        """Remembers a search that covered the wanted interval; after a shorter one the next covers more."""
        if since >= wanted:
            self._repaired_at, self._reach = now, ABSENCE_SECONDS
        else:
            self._reach = min(since * GROWTH_FACTOR, ABSENCE_SECONDS)
