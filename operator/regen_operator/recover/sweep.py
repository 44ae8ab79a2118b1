"""Finds what no event told, by the database's clock: the sweep every few seconds, the whole resync every minute."""

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
"""How far back a new leader looks for missing audit events: nobody may have led for as long."""
SHORTER: Final = 8
LONGER: Final = 2
"""By what a look back shrinks after a statement timeout, and grows again after a success: few looks are made in vain."""


class Sweep:
    """Wakes the reconciler; it decides nothing itself."""

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
        """``time.monotonic()`` of the last sweep that read what it wanted."""
        self._late_seconds = pending + shortest + settings.grace_seconds
        self._repaired_at: float | None = None
        self._reach = ABSENCE_SECONDS

    async def run(self) -> None:
        """Sweeps until cancelled; begins with a whole resync, so that a new leader knows where it stands."""
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
                log.warning("sweep put off", error=error.message)
            await asyncio.sleep(self._settings.sweep_seconds)

    async def sweep(self) -> None:
        """Looks at RUNNING rows that did not start, or are older than they may be.

        Raises:
            RegenError: the rows could not be read.
        """
        ids = await self._database.overdue(
            start_seconds=self._settings.sweep_seconds, late_seconds=self._late_seconds, limit=LIMIT
        )
        for job_id in ids:
            self._reconciler.remind(job_id)

    async def resync(self) -> None:
        """Looks at every RUNNING row, and at every active Job whose row has ended; repairs the audit trail.

        Raises:
            RegenError: the rows could not be read.
            KubeError: the Jobs could not be listed.
        """
        for job_id in await self._database.running():
            self._reconciler.wake(job_id)
        await self._repair_audit()
        for job_id in await self._database.ended(await self._active_jobs()):
            self._reconciler.suspect(job_id)

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
        """Auditing never stops a sweep (rule R10). Looks back to before the last repair that looked at all there was."""
        now = asyncio.get_running_loop().time()
        wanted = ABSENCE_SECONDS if self._repaired_at is None else now - self._repaired_at
        since, margin = min(wanted, self._reach), self._settings.resync_seconds * 10
        try:
            repaired = await self._database.repair_audit(limit=REPAIR_LIMIT, seconds=since + margin)
        except StatementTimedOut as error:
            # Where so many jobs ended that one look takes too long, a shorter one must still be made. From nothing it would
            # not grow again.
            self._reach = max(since / SHORTER, margin)
            log.warning("audit trail not repaired", error=error.message, seconds=since)
            return
        except RegenError as error:
            log.warning("audit trail not repaired", error=error.message, seconds=since)
            return
        self._metrics.audit_repairs.inc(len(repaired))
        if len(repaired) < REPAIR_LIMIT:
            self._looked_back(now, since, wanted)
        for job_id, event in repaired:
            log.warning("audit event added late", job_id=job_id, event_name=event)

    def _looked_back(self, now: float, since: float, wanted: float) -> None:
        """A look that reached back to the last repair is one; after any other the next reaches further."""
        if since >= wanted:
            self._repaired_at, self._reach = now, ABSENCE_SECONDS
        else:
            self._reach = min(since * LONGER, ABSENCE_SECONDS)
