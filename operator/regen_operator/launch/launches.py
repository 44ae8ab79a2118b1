"""From a claimed row to a Job: launches rows concurrently, fails those that can never run, and pauses claims on errors."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from regen_core.errors import RegenError
from regen_core.states import Fail, FailCondition
from regen_operator.kube.errors import KubeError
from regen_operator.rows.failing import fail_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from regen_operator.launch.launcher import Launcher
    from regen_operator.rows.database import Database
    from regen_operator.rows.values import JobRow

log = structlog.get_logger("regen.launches")

FAILED_LAUNCH_PAUSE_SECONDS: Final = 2.0
"""Nothing is claimed for this time after a failed launch: a claimed job waits for the API server with its slot taken."""
RETRY_SECONDS: Final = 1.0
"""Delay before recovery examines jobs whose launch could not be completed because the database failed."""


class LaunchObserver(Protocol):
    """Learns about launches (recovery, which follows up on each)."""

    def launches_started(self, job_ids: Collection[str]) -> None:
        """Launches of these jobs are in progress."""
        ...

    def launches_ended(self, job_ids: Collection[str]) -> None:
        """Launches of these jobs are no longer in progress, whatever their outcome."""
        ...

    def launched(self, job_id: str) -> None:
        """The job's Job exists."""
        ...

    def launch_failed(self, job_id: str, error: KubeError) -> None:
        """The launch failed and can be retried."""
        ...

    def requeue(self, job_id: str, delay_seconds: float = 0.0) -> None:
        """Examine the job after ``delay_seconds``."""
        ...


class LaunchMetrics(Protocol):
    """Counts launches."""

    def launch(self, job_type: str | None, outcome: str) -> None:
        """A launch ended: launched, refused or retried."""
        ...

    def phase(self, phase: str, job_type: str | None, seconds: float) -> None:
        """A phase of a job took ``seconds``."""
        ...


class Launches:
    """Every launch, of the happy path and of recovery. ``changed`` is called after rows were failed."""

    def __init__(self, launcher: Launcher, database: Database, metrics: LaunchMetrics, changed: Callable[[], None]) -> None:
        self._launcher = launcher
        self._database = database
        self._metrics = metrics
        self._changed = changed
        self._observer: LaunchObserver | None = None
        self._group: asyncio.TaskGroup | None = None
        self._paused_until = 0.0

    def observe(self, observer: LaunchObserver) -> None:
        """Reports every launch to ``observer``."""
        self._observer = observer

    @property
    def can_launch(self) -> bool:
        """False for ``FAILED_LAUNCH_PAUSE_SECONDS`` after a failed launch. Nothing is claimed meanwhile."""
        return time.monotonic() >= self._paused_until

    async def run(self) -> None:
        """Accepts claimed rows until cancelled, while this replica leads."""
        try:
            async with asyncio.TaskGroup() as self._group:
                await asyncio.Event().wait()
        finally:
            self._group = None

    def start(self, rows: Sequence[JobRow]) -> None:
        """Launches rows that were just claimed, in the background.

        Does nothing if this replica no longer leads: the next leader finds claimed rows that have no Job.
        """
        if self._group is None:
            return
        ids = [row.id for row in rows]
        if self._observer is not None:
            self._observer.launches_started(ids)
        self._group.create_task(self._launch_claimed(rows, ids))

    async def _launch_claimed(self, rows: Sequence[JobRow], ids: Sequence[str]) -> None:
        try:
            await self.launch(rows)
        except RegenError as error:
            log.warning("launches failed, will retry", error=error.message, jobs=len(rows), retry_in=RETRY_SECONDS)
            if self._observer is not None:
                for job_id in ids:
                    self._observer.requeue(job_id, RETRY_SECONDS)
        finally:
            if self._observer is not None:
                self._observer.launches_ended(ids)

    async def launch(self, rows: Sequence[JobRow]) -> None:
        """Launches ``rows`` concurrently, and fails those that can never be launched.

        Raises:
            RegenError: the database did not accept the failures.
        """
        refused = [fail for fail in await asyncio.gather(*(self._launch_one(row) for row in rows)) if fail is not None]
        if refused:
            await fail_rows(self._database, refused)
            self._changed()

    async def _launch_one(self, row: JobRow) -> Fail | None:
        began = time.monotonic()
        try:
            refusal = await self._launcher.launch(row)
        except KubeError as error:
            self._metrics.launch(row.type, "retried")
            self._paused_until = time.monotonic() + FAILED_LAUNCH_PAUSE_SECONDS
            if self._observer is not None:
                self._observer.launch_failed(row.id, error)
            return None
        if refusal is not None:
            self._metrics.launch(row.type, "refused")
            return Fail(row.id, refusal, FailCondition.NO_FENCE)
        self._metrics.launch(row.type, "launched")
        self._metrics.phase("launched", row.type, time.monotonic() - began)
        if self._observer is not None:
            self._observer.launched(row.id)
        return None
