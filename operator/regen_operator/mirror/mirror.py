"""Shows rows as custom resources, a bounded projection. One query per pass decides which rows have a resource.

A pass creates missing resources, writes statuses that are due, and deletes resources whose rows no longer have one. Deleting a
resource changes no row: it is recreated while its row has one. A user-created resource is never recreated.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog

from regen_core.errors import RegenError, ValidationFailed
from regen_core.names import ANNOTATION_JOB_ID, LABEL_MANAGED_BY, MANAGED_BY
from regen_core.states import JobStatus
from regen_operator.kube.client import CUSTOM, EVENTS
from regen_operator.kube.errors import AlreadyExists, Conflict, KubeError, NotFound, Unprocessable
from regen_operator.mirror.cache import read_entry
from regen_operator.mirror.resource import Owner, build_custom, build_event, read_instruction
from regen_operator.mirror.status import Delays, build_status, differs, due_in, merge_patch, waiting_reason
from regen_operator.reasons import EventReason, StartReason, WaitReason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from regen_operator.kube.client import Json, KubeClient
    from regen_operator.mirror.cache import Entry, MirrorCache
    from regen_operator.mirror.ingest import Ingester
    from regen_operator.rows.database import Database
    from regen_operator.rows.values import JobFacts
    from regen_operator.settings import Settings
    from regen_operator.telemetry.metrics import Metrics
    from regen_operator.telemetry.transitions import Transitions

log = structlog.get_logger("regen.mirror")

IDLE_SECONDS: Final = 2.0
"""Longest pause between passes; a PENDING row's reason is read at most this often."""
WRITERS: Final = 8
"""Concurrent writes, so that the mirror leaves request slots to launches."""
SET_ASIDE_SECONDS: Final = 60.0


@dataclass(slots=True)
class MirrorMemory:
    """What the mirror remembers between passes. Losing it costs repeated requests.

    Attributes:
        set_aside: job id or uid of a resource → ``time.monotonic()`` until which it is skipped after a failure.
        accepted: uid → (the status that was written, the status that the API server stored).
        reasons: job id → why the PENDING row waits, and ``time.monotonic()`` since when.
        reasons_read_at: ``time.monotonic()`` of the last read of ``reasons``.
    """

    set_aside: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    reasons: dict[str, tuple[WaitReason, float]] = field(default_factory=dict)
    reasons_read_at: float = float("-inf")


class Mirror:
    """``waiting`` gives why a launched job has not started; ``blocked_types``, the types that are not claimed, and why."""

    def __init__(
        self,
        database: Database,
        kube: KubeClient,
        *,
        cache: MirrorCache,
        ingester: Ingester,
        settings: Settings,
        waiting: Callable[[str], WaitReason | None],
        blocked_types: Callable[[], Mapping[str, str]],
        metrics: Metrics,
        transitions: Transitions,
    ) -> None:
        self._database = database
        self._kube = kube
        self._cache = cache
        self._ingester = ingester
        self._settings = settings
        self._waiting = waiting
        self._blocked_types = blocked_types
        self._metrics = metrics
        self._transitions = transitions
        self._delays = Delays(
            running=settings.running_status_delay_seconds,
            starting=settings.starting_status_delay_seconds,
            waiting=settings.waiting_status_delay_seconds,
        )
        self._memory = MirrorMemory()
        self._hint = asyncio.Event()
        self._writers = asyncio.Semaphore(WRITERS)

    def enqueue(self) -> None:
        """Requests a pass."""
        self._hint.set()

    async def run(self) -> None:
        """Runs passes until cancelled, while this replica leads."""
        self._transitions.begin()
        while True:
            self._hint.clear()
            pause = IDLE_SECONDS
            try:
                if self._cache.synced:
                    pause = await self.run_pass()
            except RegenError as error:
                log.warning("mirror pass failed, will retry", error=error.message, retry_in=pause)
            await asyncio.sleep(self._settings.mirror_delay_seconds)  # coalesces a burst of changes into one pass
            try:
                async with asyncio.timeout(pause):
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def list_all(self) -> None:
        """Lists every custom resource into the cache.

        Raises:
            KubeError: the API server failed, or the custom resource definition is missing.
        """
        for namespace in self._settings.mirrored_namespaces:
            entries: list[Entry] = []
            revision = 0
            async for page in self._kube.pages(CUSTOM, namespace):
                revision = revision or int(page.body["metadata"].get("resourceVersion") or 0)
                entries += [read_entry(body, self._settings.namespace) for body in page.body.get("items") or []]
            self._cache.replace(namespace, entries, revision)
        self._cache.synced = True

    async def run_pass(self) -> float:
        """Runs one pass. Returns the seconds until the next status is due.

        Raises:
            RegenError: the rows could not be read, so nothing was deleted.
        """
        await self._each(
            self._guarded(entry.name, partial(self._ingester.ingest, entry))
            for entry in self._cache.user_created()
            if entry.job_id is None and not entry.refused and not entry.deleting
        )
        user_created = {
            entry.job_id: entry for entry in self._cache.user_created() if entry.job_id is not None and not entry.refused
        }
        mirrors = self._cache.mirrors()
        facts = await self._database.mirror(
            window=self._settings.mirror_window,
            keep=self._settings.cr_keep,
            ttl_seconds=self._settings.cr_ttl_seconds,
            mirrored=mirrors.keys(),
            shown=user_created.keys(),
        )
        self._transitions.saw(facts.values())
        missing = facts.keys() - mirrors.keys() - user_created.keys()
        await self._create({job_id: facts[job_id] for job_id in missing})
        shown = self._cache.mirrors() | user_created
        pause = await self._write_statuses({job_id: (shown[job_id], one) for job_id, one in facts.items() if job_id in shown})
        await self._each(
            self._guarded(entry.name, partial(self._ingester.refuse_without_row, entry))
            for job_id, entry in user_created.items()
            if job_id not in facts and not entry.deleting
        )
        await self._each(
            self._guarded(entry.name, partial(self._delete, entry))
            for job_id, entry in mirrors.items()
            if (job_id not in facts or job_id in user_created) and not entry.deleting
        )
        await self._each(
            self._guarded(entry.name, partial(self._delete, entry))
            for job_id, entry in user_created.items()
            if job_id in facts and not entry.deleting and entry.is_expired(facts[job_id], self._settings.cr_ttl_seconds)
        )
        self._tidy(facts.keys())
        return pause

    # -- missing resources ---------------------------------------------------------------------------------------------

    async def _create(self, missing: Mapping[str, JobFacts]) -> None:
        now = time.monotonic()
        wanted = [job_id for job_id in missing if self._memory.set_aside.get(job_id, now) <= now]
        if not wanted:
            return
        instructions = await self._database.instructions(wanted)
        await self._each(
            self._guarded(job_id, partial(self._create_one, missing[job_id], instructions[job_id], now))
            for job_id in wanted
            if job_id in instructions
        )

    async def _create_one(self, facts: JobFacts, instruction: str, read_at: float) -> None:
        job_id, namespace = facts.row.id, self._settings.namespace
        try:
            body = build_custom(facts.row, read_instruction(instruction), namespace)
        except ValidationFailed as error:
            self._set_aside(job_id, error.message)  # the pod finds the same and fails the job
            return
        if body is None:
            self._set_aside(job_id, "the custom resource definition does not allow its type")
            return
        try:
            created = await self._kube.create(CUSTOM, namespace, body)
        except AlreadyExists:
            created = await self._kube.get(CUSTOM, namespace, body["metadata"]["name"])
        except Unprocessable as error:
            self._set_aside(job_id, error.message)
            return
        else:
            self._measure(facts, read_at)
        metadata = created.body["metadata"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        if labels.get(LABEL_MANAGED_BY) != MANAGED_BY or annotations.get(ANNOTATION_JOB_ID) != job_id:
            self._set_aside(job_id, f"a resource named {metadata['name']} exists that does not belong to this job")
        self._cache.observe(created.body)

    def _measure(self, facts: JobFacts, read_at: float) -> None:
        """Measures how long a row waited for its resource. An ended row's resource may be recreated, which says nothing."""
        row = facts.row
        if row.created_at is not None and not row.status.is_terminal:
            age = (facts.now - row.created_at).total_seconds()
            self._metrics.phase("mirrored", row.type, age + time.monotonic() - read_at)

    # -- statuses ------------------------------------------------------------------------------------------------------

    async def _write_statuses(self, shown: Mapping[str, tuple[Entry, JobFacts]]) -> float:
        now, pause = time.monotonic(), IDLE_SECONDS
        await self._read_reasons({job_id: facts for job_id, (_, facts) in shown.items()}, now)
        due: list[tuple[Entry, JobFacts, Json]] = []
        for job_id, (entry, facts) in shown.items():
            set_aside = max(self._memory.set_aside.get(entry.uid, 0.0), self._memory.set_aside.get(job_id, 0.0))
            unknown = facts.row.status is JobStatus.PENDING and job_id not in self._memory.reasons
            if entry.deleting or unknown or set_aside > now:
                continue
            wanted = build_status(facts, entry.status, self._why(facts), entry.generation)
            seconds = due_in(facts, entry.status, wanted, self._delays)
            if seconds is not None and facts.row.status is JobStatus.PENDING:
                seconds = max(seconds, self._settling(job_id, entry, now))
            if seconds is None or self._is_accepted(entry, wanted):
                continue
            if seconds > 0:
                pause = min(pause, seconds)
            else:
                due.append((entry, facts, wanted))
        await self._each(
            self._guarded(facts.row.id, partial(self._write_status, entry, facts, wanted)) for entry, facts, wanted in due
        )
        return pause

    async def _read_reasons(self, facts: Mapping[str, JobFacts], now: float) -> None:
        """Reads why the shown PENDING rows wait, at most every ``IDLE_SECONDS`` unless a row is new."""
        memory = self._memory
        pending = [job_id for job_id, one in facts.items() if one.row.status is JobStatus.PENDING]
        is_due = now - memory.reasons_read_at >= min(IDLE_SECONDS, self._delays.waiting or IDLE_SECONDS)
        if not pending or not (is_due or any(job_id not in memory.reasons for job_id in pending)):
            return
        memory.reasons_read_at = now
        queue, caps, blocked_types = await self._database.waiting(pending), self._settings.caps, self._blocked_types()
        for job_id in pending:
            if job_id in queue:
                why = waiting_reason(facts[job_id], queue[job_id], caps, blocked_types)
                known = memory.reasons.get(job_id)
                since = known[1] if known is not None and known[0].reason == why.reason else now
                memory.reasons[job_id] = why, since

    def _is_accepted(self, entry: Entry, wanted: Json) -> bool:
        """Whether the API server already stored this status in its own form."""
        accepted = self._memory.accepted.get(entry.uid)
        return accepted is not None and accepted[1] == entry.status and not differs(accepted[0], wanted)

    def _settling(self, job_id: str, entry: Entry, now: float) -> float:
        """Seconds that a changed reason must still last: a slot becomes free and is taken in between."""
        known = self._memory.reasons.get(job_id)
        if known is None or "reason" not in entry.status:
            return 0.0
        return max(0.0, self._delays.waiting - (now - known[1]))

    def _why(self, facts: JobFacts) -> WaitReason | None:
        job_id, status = facts.row.id, facts.row.status
        if status is JobStatus.PENDING:
            known = self._memory.reasons.get(job_id)
            return None if known is None else known[0]
        if status is not JobStatus.RUNNING or facts.run is not None:
            return None
        why = self._waiting(job_id)
        # Launching lasts a moment: one reason less to write.
        if why is None or why.reason == StartReason.LAUNCHING:
            return WaitReason(StartReason.STARTING, "the pod is being created")
        return why

    async def _write_status(self, entry: Entry, facts: JobFacts, wanted: Json) -> None:
        row = facts.row
        if row.status is JobStatus.FAILED and entry.status.get("phase") != JobStatus.FAILED:
            # Before the status: if the operator stops in between, the next pass repeats both.
            await self._write_event(entry, wanted, facts)
        try:
            written = await self._kube.patch_status(CUSTOM, entry.namespace, entry.name, merge_patch(wanted, entry.status))
        except NotFound:
            self._cache.forget(entry.namespace, entry.name, entry.uid)
            return
        except Unprocessable as error:
            await self._status_refused(entry, row.id, error)
            return
        stored = self._cache.observe(written.body).status
        if row.status.is_terminal or stored != wanted:
            self._memory.accepted[entry.uid] = (wanted, stored)

    async def _write_event(self, entry: Entry, status: Mapping[str, Any], facts: JobFacts) -> None:
        owner = Owner(entry.namespace, entry.name, entry.uid)
        message = f"{status['reason']}: {status['message']}"
        event = build_event(owner, reason=EventReason.FAILED, message=message, at=facts.now)
        try:
            await self._kube.create(EVENTS, entry.namespace, event)
        except AlreadyExists:
            log.debug("event already written", job_id=facts.row.id)

    async def _status_refused(self, entry: Entry, job_id: str, error: Unprocessable) -> None:
        """The CRD's rules refuse the status: the resource is ahead of its row, because the database was restored."""
        log.warning("status refused by the API server", job_id=job_id, error=error.message)
        if not entry.status:
            # A new resource would refuse it too.
            self._set_aside(entry.uid, error.message)
        elif entry.is_mirror:
            await self._delete(entry)
            self._hint.set()
        else:
            await self._ingester.refuse_without_row(entry)

    # -- deletions -----------------------------------------------------------------------------------------------------

    async def _delete(self, entry: Entry) -> None:
        try:
            await self._kube.delete(CUSTOM, entry.namespace, entry.name, uid=entry.uid, propagation="Background")
        except (NotFound, Conflict):
            log.debug("custom resource already deleted", resource=entry.name)
        self._cache.forget(entry.namespace, entry.name, entry.uid)

    def _set_aside(self, key: str, error: str) -> None:
        log.error("job not mirrored, will retry", key=key, error=error, retry_in=SET_ASIDE_SECONDS)
        self._memory.set_aside[key] = time.monotonic() + SET_ASIDE_SECONDS

    def _tidy(self, shown: Iterable[str]) -> None:
        memory, now = self._memory, time.monotonic()
        for key in [key for key, until in memory.set_aside.items() if until <= now]:
            del memory.set_aside[key]
        uids = {entry.uid for entry in [*self._cache.mirrors().values(), *self._cache.user_created()]}
        for uid in memory.accepted.keys() - uids:
            del memory.accepted[uid]
        for job_id in memory.reasons.keys() - set(shown):
            del memory.reasons[job_id]

    async def _guarded(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Confines an error to its resource; the next pass retries."""
        async with self._writers:
            try:
                await work()
            except (KubeError, RegenError) as error:
                delay = self._settings.mirror_delay_seconds * 4
                log.warning("mirroring failed, will retry", key=key, error=error.message, retry_in=delay)
                self._memory.set_aside.setdefault(key, time.monotonic() + delay)

    @staticmethod
    async def _each(work: Iterable[Awaitable[None]]) -> None:
        await asyncio.gather(*work)
