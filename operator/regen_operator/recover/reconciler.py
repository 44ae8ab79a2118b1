"""Looks at jobs, one round after the other: read all rows at once, read Kubernetes concurrently, decide purely, act in bulk.

Whatever wakes it is a hint. An error in one job delays that job alone.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from regen_core.errors import RegenError, ValidationFailed
from regen_core.names import job_name
from regen_core.states import Fail, FailCondition, JobStatus
from regen_operator.kube.client import JOBS
from regen_operator.kube.errors import Conflict, KubeError, NotFound
from regen_operator.kube.views import UNSCHEDULABLE
from regen_operator.mirror.status import Waiting
from regen_operator.recover.checks import START_REVISIT_SECONDS, Action, Verdict, decide
from regen_operator.recover.gather import Look
from regen_operator.recover.snapshot import Limits, Snapshot
from regen_operator.recover.workqueue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regen_operator.kube.client import KubeClient
    from regen_operator.launch.classes import Classes
    from regen_operator.launch.launcher import Launcher
    from regen_operator.recover.gather import Gatherer
    from regen_operator.rows.database import Database
    from regen_operator.rows.values import FailOutcome, JobFacts, JobRow
    from regen_operator.settings import Settings
    from regen_operator.telemetry.metrics import Metrics

log = structlog.get_logger("regen.reconciler")

ROUND: Final = 200
COALESCE_SECONDS: Final = 0.05
FAILED_LAUNCH_PAUSE_SECONDS: Final = 2.0
MAX_BACKOFF_SECONDS: Final = 30.0
REMEMBER_DELETION_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What the reconciler works with."""

    database: Database
    kube: KubeClient
    gatherer: Gatherer
    launcher: Launcher
    classes: Classes
    settings: Settings
    metrics: Metrics


class Reconciler:
    """``changed`` is called after anything that the mirror should show."""

    def __init__(self, tools: Tools, changed: Callable[[], None]) -> None:
        self._tools = tools
        self._changed = changed
        self._queue = WorkQueue()
        self._group: asyncio.TaskGroup | None = None
        self._launching: set[str] = set()
        self._launched: dict[str, float] = {}
        self._attempts: dict[str, int] = {}
        self._suspects: set[str] = set()
        self._deletions: dict[str, float] = {}
        self._deleted_by_us: dict[str, float] = {}
        self._gone: dict[str, float] = {}
        self._paused_until = 0.0
        self.waiting: dict[str, Waiting] = {}
        """Why launched jobs have not started yet, for the mirror."""
        self._homeless: dict[str, str] = {}

    # -- hints ---------------------------------------------------------------------------------------------------------

    def wake(self, job_id: str, delay_seconds: float = 0.0) -> None:
        """Asks for a look at a job. Not kept while somebody else leads: a new leader looks at everything."""
        if self._group is not None:
            self._queue.add(job_id, delay_seconds)

    def remind(self, job_id: str) -> None:
        """Asks for a look at a job unless one is due anyway: a wait knows best how long it lasts."""
        if job_id not in self._queue:
            self.wake(job_id)

    def suspect(self, job_id: str) -> None:
        """Asks for a look at the Job of a job whose row has ended."""
        if self._group is not None:
            self._suspects.add(job_id)
            self._queue.add(job_id)

    def saw_deletion(self, job_id: str, job_uid: str) -> None:
        """Remembers that a Job which had not finished was deleted, unless it was we who did it."""
        now = time.monotonic()
        if job_uid not in self._deleted_by_us:
            self._deletions.setdefault(job_id, now)
        for memory in (self._deletions, self._deleted_by_us):
            for key in [key for key, at in memory.items() if now - at > REMEMBER_DELETION_SECONDS]:
                del memory[key]

    @property
    def can_launch(self) -> bool:
        """Whether launches work just now; while they do not, nothing more is claimed."""
        return time.monotonic() >= self._paused_until

    @property
    def crowded(self) -> frozenset[str]:
        """The types whose launched jobs find no node. The scheduler would let later ones pass them, so none is claimed."""
        return frozenset(self._homeless.values())

    # -- rounds --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Rounds until cancelled. An error that no round expects ends it, and with it the process."""
        try:
            async with asyncio.TaskGroup() as self._group:
                while True:
                    ids = await self._queue.take(ROUND)
                    for job_id in self._launching.intersection(ids):
                        self._queue.add(job_id, 0.5)
                    await self._guarded_round([job_id for job_id in ids if job_id not in self._launching])
                    await asyncio.sleep(COALESCE_SECONDS)  # what comes in bursts is looked at once
        finally:
            self._group = None
            self._queue.clear()
            self._launching.clear()
            self._launched.clear()
            self.waiting.clear()
            self._homeless.clear()

    async def _guarded_round(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        try:
            await self.round(ids)
        except RegenError as error:
            log.warning("round put off", error=error.message, jobs=len(ids))
            for job_id in ids:
                self._queue.add(job_id, 1.0)

    async def round(self, ids: Sequence[str]) -> None:
        """Looks at ``ids`` once and does what the verdicts say.

        Raises:
            RegenError: a part was not done, and none is under way any more; the same round may be repeated.
        """
        began = time.monotonic()
        facts = await self._tools.database.facts(ids)
        for job_id in set(ids) - facts.keys():
            await self._without_row(job_id)
        decided = [(snapshot, decide(snapshot)) for snapshot in await self._look(list(facts.values()))]
        failing = [(snapshot, verdict) for snapshot, verdict in decided if verdict.action is Action.FAIL]
        await self._fail(failing)
        acts = (self._act(s, v, began) for s, v in decided if v.action is not Action.FAIL)
        for error in await asyncio.gather(*acts, return_exceptions=True):
            if error is not None:
                raise error

    async def _look(self, facts: Sequence[JobFacts]) -> list[Snapshot]:
        """What is known of each; a job of which the API server did not tell is put off and left out."""
        told_by_row, looks = [], []
        for one in facts:
            status, limits = one.row.status, self.limits(one.row)
            if status is JobStatus.PENDING or (status.is_terminal and one.row.id not in self._suspects):
                told_by_row.append(Snapshot(one.row, one.run, one.now, limits))
            else:
                looks.append(Look(one, limits, one.row.id in self._deletions))
        seen = []
        for look, answer in zip(looks, await self._tools.gatherer.gather(looks), strict=True):
            if isinstance(answer, KubeError):
                self._again(look.job_id, answer)
            else:
                seen.append(self._since_gone(answer))
        return told_by_row + seen

    def _since_gone(self, snapshot: Snapshot) -> Snapshot:
        job_id = snapshot.row.id
        if snapshot.job is not None:
            self._gone.pop(job_id, None)
            return snapshot
        now = time.monotonic()
        gone_for = now - self._gone.setdefault(job_id, now)
        return replace(snapshot, launched=job_id in self._launched, gone_for=gone_for)

    def limits(self, row: JobRow) -> Limits:
        """The deadlines of a job of this row's type, in seconds."""
        settings, classes = self._tools.settings, self._tools.classes
        pending = settings.pending_deadline_seconds
        executor_class = classes.get(row.type)
        active = (
            classes.longest_deadline(pending) if executor_class is None else classes.active_deadline(executor_class, pending)
        )
        return Limits(pending=pending, active=active, grace=settings.grace_seconds)

    async def _act(self, snapshot: Snapshot, verdict: Verdict, began: float) -> None:
        job_id = snapshot.row.id
        match verdict.action:
            case Action.LAUNCH:
                # The news of a claim may overtake the claim's own answer: what was launched since the look needs no second try.
                if job_id in self._launching or self._launched.get(job_id, began) > began:
                    self._queue.add(job_id, 0.5)
                    return
                log.info("launching again", job_id=job_id)
                metrics = self._tools.metrics
                metrics.relaunches.labels(metrics.label(snapshot.row.type)).inc()
                await self.launch([snapshot.row])
            case Action.DELETE_JOB:
                await self._delete_job(snapshot, verdict.reason)
                self._queue.add(job_id, START_REVISIT_SECONDS)
            case Action.WAIT:
                self._attempts.pop(job_id, None)
                self._note_waiting(snapshot, verdict)
                if verdict.revisit_seconds is not None:
                    self._queue.add(job_id, verdict.revisit_seconds)
            case _:
                self._forget(job_id)

    def _note_waiting(self, snapshot: Snapshot, verdict: Verdict) -> None:
        job_id = snapshot.row.id
        if verdict.reason == UNSCHEDULABLE and snapshot.row.type is not None:
            self._homeless[job_id] = snapshot.row.type
        else:
            self._homeless.pop(job_id, None)
        if snapshot.run is not None or snapshot.row.status.is_terminal:
            self.waiting.pop(job_id, None)
        elif self.waiting.get(job_id) != Waiting(verdict.reason, verdict.message):
            self.waiting[job_id] = Waiting(verdict.reason, verdict.message)
            self._changed()

    def _forget(self, job_id: str) -> None:
        self._suspects.discard(job_id)
        self._attempts.pop(job_id, None)
        self._deletions.pop(job_id, None)
        self._gone.pop(job_id, None)
        self._launched.pop(job_id, None)
        self._homeless.pop(job_id, None)
        self.waiting.pop(job_id, None)

    # -- effects -------------------------------------------------------------------------------------------------------

    async def _fail(self, failing: Sequence[tuple[Snapshot, Verdict]]) -> None:
        """Fails what has to be failed in one call, then deletes the Jobs of those that are FAILED now."""
        fails = [verdict.fail for _, verdict in failing if verdict.fail is not None]
        failed = await self._fail_rows(fails)
        deletions = []
        for snapshot, verdict in failing:
            job_id = snapshot.row.id
            if job_id not in failed:
                # The row moved on since it was read: look anew.
                self._queue.add(job_id, 0.5)
                continue
            self._forget(job_id)
            if verdict.delete_job:
                deletions.append(self._delete_job(snapshot, verdict.reason))
        await asyncio.gather(*deletions)

    async def _fail_rows(self, fails: Sequence[Fail]) -> set[str]:
        if not fails:
            return set()
        outcomes = await self._write_failures(fails)
        for outcome in outcomes:
            if not outcome.is_failed:
                log.info("job moved on", job_id=outcome.job_id, outcome=outcome.outcome)
        self._changed()
        return {outcome.job_id for outcome in outcomes if outcome.is_failed}

    async def _write_failures(self, fails: Sequence[Fail]) -> list[FailOutcome]:
        """One error that the database refuses keeps no other job from its end, nor its own."""
        try:
            return await self._tools.database.fail(fails)
        except ValidationFailed as error:
            if len(fails) > 1:
                return [outcome for one in fails for outcome in await self._write_failures([one])]
            [fail] = fails
            log.warning("error of a job is refused", job_id=fail.job_id, error=error.message)
            plain = replace(fail.error, message="what ended it cannot be written down", detail={})
            return await self._tools.database.fail([replace(fail, error=plain)])

    async def _delete_job(self, snapshot: Snapshot, why: str) -> None:
        job = snapshot.job
        if job is None or not job.is_ours(snapshot.row.id):
            return
        self._deleted_by_us[job.uid] = time.monotonic()
        try:
            await self._tools.kube.delete(JOBS, self._tools.settings.runner_namespace, job.name, uid=job.uid)
            log.info("job object deleted", job_id=snapshot.row.id, job=job.name, why=why)
        except (NotFound, Conflict):
            log.info("job object was gone", job_id=snapshot.row.id, job=job.name)
        except KubeError as error:
            self._suspects.add(snapshot.row.id)
            self._again(snapshot.row.id, error)

    async def _without_row(self, job_id: str) -> None:
        """A Job without a row: the database is another or was restored. Reported, never touched."""
        if job_id in self._suspects:
            log.error("a Job of ours has no row", job_id=job_id, job=job_name(job_id))
        self._forget(job_id)

    # -- launches ------------------------------------------------------------------------------------------------------

    def launch_claimed(self, rows: Sequence[JobRow]) -> None:
        """Launches rows that were claimed a moment ago, beside the rounds."""
        if self._group is None:
            return  # nobody leads any more; whoever does next finds the rows without a Job
        self._launching.update(row.id for row in rows)
        self._group.create_task(self._launch_claimed(rows))

    async def _launch_claimed(self, rows: Sequence[JobRow]) -> None:
        try:
            await self.launch(rows)
        except RegenError as error:
            log.warning("launches put off", error=error.message, jobs=len(rows))
            for row in rows:
                self.wake(row.id, 1.0)
        finally:
            self._launching.difference_update(row.id for row in rows)

    async def launch(self, rows: Sequence[JobRow]) -> None:
        """Launches ``rows`` concurrently, and fails at once those that never can be."""
        refusals = await asyncio.gather(*(self._launch_one(row) for row in rows))
        await self._fail_rows([one for one in refusals if one is not None])

    async def _launch_one(self, row: JobRow) -> Fail | None:
        began, metrics = time.monotonic(), self._tools.metrics
        try:
            error = await self._tools.launcher.launch(row)
        except KubeError as trouble:
            metrics.launch(row.type, "put_off")
            self._paused_until = time.monotonic() + FAILED_LAUNCH_PAUSE_SECONDS
            self._again(row.id, trouble)
            return None
        if error is not None:
            metrics.launch(row.type, "refused")
            return Fail(row.id, error, FailCondition.NO_FENCE)
        metrics.launch(row.type, "launched")
        metrics.phase("launched", row.type, time.monotonic() - began)
        self._attempts.pop(row.id, None)
        self._launched[row.id] = time.monotonic()
        self._gone.pop(row.id, None)
        self.wake(row.id, START_REVISIT_SECONDS)
        return None

    def _again(self, job_id: str, error: KubeError) -> None:
        attempts = self._attempts[job_id] = self._attempts.get(job_id, 0) + 1
        delay = min(2.0 ** (attempts - 1), MAX_BACKOFF_SECONDS)
        log.warning("job put off", job_id=job_id, error=error.message, again_in=delay)
        self._queue.add(job_id, delay)
