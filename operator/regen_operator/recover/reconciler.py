"""Examines jobs in rounds: reads all rows in one query, reads Kubernetes concurrently, decides with pure checks, then acts.

Every event that queues a job is only a hint. An error in one job delays only that job.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from regen_core.errors import RegenError
from regen_core.names import job_name
from regen_core.states import JobStatus
from regen_operator.kube.client import JOBS
from regen_operator.kube.errors import Conflict, KubeError, NotFound
from regen_operator.reasons import StartReason, WaitReason
from regen_operator.recover.checks import START_REVISIT_SECONDS, Action, Decision, decide
from regen_operator.recover.gather import Examination
from regen_operator.recover.job_memory import JobMemories
from regen_operator.recover.snapshot import Limits, Snapshot
from regen_operator.recover.start_failures import StartFailures
from regen_operator.recover.workqueue import WorkQueue
from regen_operator.rows.failing import fail_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from regen_operator.kube.client import KubeClient
    from regen_operator.launch.classes import Classes
    from regen_operator.launch.launches import Launches
    from regen_operator.recover.gather import Gatherer
    from regen_operator.rows.database import Database
    from regen_operator.rows.values import JobFacts, JobRow
    from regen_operator.settings import Settings
    from regen_operator.telemetry.metrics import Metrics

log = structlog.get_logger("regen.reconciler")

ROUND: Final = 200
"""Jobs per round."""
COALESCE_SECONDS: Final = 0.05
"""Pause between rounds, so that a burst of events for one job costs one examination."""
RETRY_SECONDS: Final = 1.0
REQUEUE_SECONDS: Final = 0.5
"""Delay before a job is examined again whose row changed, or whose launch is in progress."""
MAX_BACKOFF_SECONDS: Final = 30.0
BLOCKING: Final = frozenset({StartReason.UNSCHEDULABLE, StartReason.POD_REFUSED})
"""While a pod waits for one of these reasons, no more jobs of its type are claimed: they would wait for the same."""
START_FAILURES: Final = frozenset({"NeverStarted", "CannotStart", "PendingDeadline"})
"""Decisions that a job failed before its fence was taken, for a reason that other jobs may share."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the reconciler uses."""

    database: Database
    kube: KubeClient
    gatherer: Gatherer
    launches: Launches
    classes: Classes
    settings: Settings
    metrics: Metrics


class Reconciler:
    """``changed`` is called after a change that custom resources show."""

    def __init__(self, dependencies: Dependencies, changed: Callable[[], None]) -> None:
        self._dependencies = dependencies
        self._changed = changed
        self._queue = WorkQueue()
        self._leading = False
        self.memories = JobMemories()
        self._start_failures = StartFailures()
        dependencies.launches.observe(self)

    # -- hints ---------------------------------------------------------------------------------------------------------

    def requeue(self, job_id: str, delay_seconds: float = 0.0) -> None:
        """Examines the job after ``delay_seconds``. Ignored while another replica leads: a new leader examines every job."""
        if self._leading:
            self._queue.add(job_id, delay_seconds)

    def enqueue_unless_queued(self, job_id: str) -> None:
        """Examines the job now, unless a later examination is planned: the plan knows how long the current wait lasts."""
        if job_id not in self._queue:
            self.requeue(job_id)

    def check_job(self, job_id: str) -> None:
        """Examines the Job of a job whose row has ended."""
        if self._leading:
            self.memories.of(job_id).check_job = True
            self._queue.add(job_id)

    def job_deleted(self, job_id: str, job_uid: str) -> None:
        """Remembers that an unfinished Job was deleted, unless this process did it."""
        self.memories.job_deleted(job_id, job_uid)

    def blocked_types(self) -> dict[str, str]:
        """The types that are not claimed now, each with the reason."""
        return self._start_failures.messages() | self.memories.blocked_types()

    def claim_limits(self) -> dict[str, int]:
        """The number of jobs of each blocked type that may run: none, or one to probe whether starts work again."""
        return self._start_failures.limits() | dict.fromkeys(self.memories.blocked_types(), 0)

    # -- launches (LaunchObserver) ---------------------------------------------------------------------------------------

    def launches_started(self, job_ids: Collection[str]) -> None:
        """Launches of these jobs are in progress."""
        for job_id in job_ids:
            self.memories.of(job_id).launching = True

    def launches_ended(self, job_ids: Collection[str]) -> None:
        """Launches of these jobs are no longer in progress."""
        for job_id in job_ids:
            if (memory := self.memories.find(job_id)) is not None:
                memory.launching = False

    def launched(self, job_id: str) -> None:
        """The job's Job exists. Watch events follow; without one the job is examined after its first wait."""
        memory = self.memories.of(job_id)
        memory.attempts, memory.launched_at, memory.job_missing_since = 0, time.monotonic(), None
        self.requeue(job_id, START_REVISIT_SECONDS)

    def launch_failed(self, job_id: str, error: KubeError) -> None:
        """The launch failed and is retried with backoff."""
        self._back_off(job_id, error)

    # -- rounds --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs rounds until cancelled, while this replica leads. An unexpected error ends it, and the process with it."""
        self._leading = True
        try:
            while True:
                ids = await self._queue.take(ROUND)
                launching = {job_id for job_id in ids if self._is_launching(job_id)}
                for job_id in launching:
                    self._queue.add(job_id, REQUEUE_SECONDS)
                await self._guarded_round([job_id for job_id in ids if job_id not in launching])
                await asyncio.sleep(COALESCE_SECONDS)
        finally:
            self._leading = False
            self._queue.clear()
            self.memories.stop_leading()
            self._start_failures.clear()

    async def _guarded_round(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        try:
            await self.round(ids)
        except RegenError as error:
            log.warning("round failed, will retry", error=error.message, jobs=len(ids), retry_in=RETRY_SECONDS)
            for job_id in ids:
                self._queue.add(job_id, RETRY_SECONDS)

    async def round(self, ids: Sequence[str]) -> None:
        """Examines ``ids`` once and acts on the decisions.

        Raises:
            RegenError: something was not done, and nothing is in progress any more. The round can be repeated.
        """
        began = time.monotonic()
        facts = await self._dependencies.database.facts(ids)
        for job_id in set(ids) - facts.keys():
            self._without_row(job_id)
        decided = [(snapshot, decide(snapshot)) for snapshot in await self._gather(list(facts.values()))]
        for snapshot, _ in decided:
            if snapshot.run is not None:
                self._start_failures.started(snapshot.row.type)
        failing = [(snapshot, decision) for snapshot, decision in decided if decision.action is Action.FAIL]
        await self._fail(failing)
        acts = (self._act(s, v, began) for s, v in decided if v.action is not Action.FAIL)
        for error in await asyncio.gather(*acts, return_exceptions=True):
            if error is not None:
                raise error

    async def _gather(self, facts: Sequence[JobFacts]) -> list[Snapshot]:
        """A snapshot of each job; jobs that the API server did not return are requeued with backoff and left out."""
        row_only, examinations = [], []
        for one in facts:
            status, limits = one.row.status, self.limits(one.row)
            memory = self.memories.find(one.row.id)
            check_job = memory is not None and memory.check_job
            if status is JobStatus.PENDING or (status.is_terminal and not check_job):
                row_only.append(Snapshot(one.row, one.run, one.now, limits))
            else:
                seen = memory is not None and memory.deletion_seen_at is not None
                examinations.append(Examination(one, limits, seen))
        gathered = []
        for examination, result in zip(examinations, await self._dependencies.gatherer.gather(examinations), strict=True):
            if isinstance(result, KubeError):
                self._back_off(examination.job_id, result)
            else:
                gathered.append(self._with_memory(result))
        return row_only + gathered

    def _with_memory(self, snapshot: Snapshot) -> Snapshot:
        memory = self.memories.of(snapshot.row.id)
        if snapshot.job is not None:
            memory.job_missing_since = None
            return snapshot
        now = time.monotonic()
        if memory.job_missing_since is None:
            memory.job_missing_since = now
        return replace(snapshot, launched=memory.launched_at is not None, job_missing_for=now - memory.job_missing_since)

    def limits(self, row: JobRow) -> Limits:
        """The deadlines of a job of this row's type, in seconds."""
        settings, classes = self._dependencies.settings, self._dependencies.classes
        pending = settings.pending_deadline_seconds
        executor_class = classes.get(row.type)
        active = (
            classes.longest_deadline(pending) if executor_class is None else classes.active_deadline(executor_class, pending)
        )
        return Limits(pending=pending, active=active, grace=settings.grace_seconds)

    # -- effects -------------------------------------------------------------------------------------------------------

    async def _act(self, snapshot: Snapshot, decision: Decision, began: float) -> None:
        job_id = snapshot.row.id
        match decision.action:
            case Action.LAUNCH:
                await self._relaunch(snapshot, began)
            case Action.DELETE_JOB:
                await self._delete_job(snapshot, decision.reason)
                self._queue.add(job_id, START_REVISIT_SECONDS)
            case Action.WAIT:
                self._remember_wait(snapshot, decision)
                if decision.revisit_seconds is not None:
                    self._queue.add(job_id, decision.revisit_seconds)
            case _:
                self.memories.forget(job_id)

    async def _relaunch(self, snapshot: Snapshot, began: float) -> None:
        """Launches a claimed job that has no Job."""
        row = snapshot.row
        memory = self.memories.of(row.id)
        # The NOTIFY for a claim can arrive before the claim's response. Skip jobs launched since this snapshot was read.
        if memory.launching or (memory.launched_at is not None and memory.launched_at > began):
            self._queue.add(row.id, REQUEUE_SECONDS)
            return
        log.info("job relaunched", job_id=row.id)
        metrics = self._dependencies.metrics
        metrics.relaunches.labels(metrics.label(row.type)).inc()
        await self._dependencies.launches.launch([row])

    def _remember_wait(self, snapshot: Snapshot, decision: Decision) -> None:
        row, memory = snapshot.row, self.memories.of(snapshot.row.id)
        memory.attempts = 0
        memory.blocked_type = row.type if decision.reason in BLOCKING else None
        if snapshot.run is not None or row.status.is_terminal:
            memory.waiting = None
        elif memory.waiting != (waiting := WaitReason(decision.reason, decision.message)):
            memory.waiting = waiting
            self._changed()

    async def _fail(self, failing: Sequence[tuple[Snapshot, Decision]]) -> None:
        """Fails rows in one call, then deletes the Jobs of those that are FAILED now."""
        fails = [decision.fail for _, decision in failing if decision.fail is not None]
        failed = await fail_rows(self._dependencies.database, fails)
        if fails:
            self._changed()
        deletions = []
        for snapshot, decision in failing:
            job_id = snapshot.row.id
            if job_id not in failed:
                self._queue.add(job_id, REQUEUE_SECONDS)
                continue
            self.memories.forget(job_id)
            if decision.reason in START_FAILURES and decision.fail is not None:
                self._start_failures.failed(snapshot.row.type, decision.fail.error)
            if decision.delete_job:
                deletions.append(self._delete_job(snapshot, decision.reason))
        await asyncio.gather(*deletions)

    async def _delete_job(self, snapshot: Snapshot, why: str) -> None:
        job, job_id = snapshot.job, snapshot.row.id
        if job is None or not job.is_ours(job_id):
            return
        memory = self.memories.of(job_id)
        memory.deleted_jobs[job.uid] = time.monotonic()
        try:
            await self._dependencies.kube.delete(JOBS, self._dependencies.settings.runner_namespace, job.name, uid=job.uid)
            log.info("Job deleted", job_id=job_id, job=job.name, reason=why)
        except (NotFound, Conflict):
            log.info("Job already deleted", job_id=job_id, job=job.name)
        except KubeError as error:
            memory.check_job = True
            self._back_off(job_id, error)

    def _without_row(self, job_id: str) -> None:
        """Reports a Job without a row (the database was restored or replaced) and leaves it alone."""
        memory = self.memories.find(job_id)
        if memory is not None and memory.check_job:
            log.error("Job has no row", job_id=job_id, job=job_name(job_id))
        self.memories.forget(job_id)

    def _is_launching(self, job_id: str) -> bool:
        memory = self.memories.find(job_id)
        return memory is not None and memory.launching

    def _back_off(self, job_id: str, error: KubeError) -> None:
        memory = self.memories.of(job_id)
        memory.attempts += 1
        delay = min(2.0 ** (memory.attempts - 1), MAX_BACKOFF_SECONDS)
        log.warning("job examination failed, will retry", job_id=job_id, error=error.message, retry_in=delay)
        self._queue.add(job_id, delay)
