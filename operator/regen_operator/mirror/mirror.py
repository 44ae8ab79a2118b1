"""The custom resources as a bounded projection of the rows. One query per pass says what is wanted; the rest follows.

A pass makes what is missing, writes what a status should say by now, and deletes what is no longer wanted. Deleting an
object changes no row: it is made again for as long as its row wants one.
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
from regen_operator.mirror.resource import Owner, again, build_custom, build_event, read_instruction
from regen_operator.mirror.status import (
    Delays,
    build_status,
    due_in,
    may_tell_event,
    merge_patch,
    waiting_reason,
)
from regen_operator.reasons import EventReason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from regen_operator.kube.client import Json, KubeClient
    from regen_operator.mirror.cache import Entry, Key, MirrorCache
    from regen_operator.mirror.ingest import Ingester
    from regen_operator.reasons import WaitReason
    from regen_operator.rows.database import Database
    from regen_operator.rows.values import JobFacts, QueueFacts
    from regen_operator.settings import Settings
    from regen_operator.telemetry.metrics import Metrics
    from regen_operator.telemetry.transitions import Transitions

log = structlog.get_logger("regen.mirror")

IDLE_SECONDS: Final = 2.0
WRITERS: Final = 8
SET_ASIDE_SECONDS: Final = 60.0


@dataclass(slots=True)
class Memory:
    """What the mirror remembers between passes; all of it may be lost, but ``to_put_back`` is better not."""

    set_aside: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    """uid → (the status that we wrote, the status that the API server kept of it)."""
    to_put_back: dict[Key, Json] = field(default_factory=dict)
    """Objects made by hand that we delete in order to make them again, until they are there."""


class Mirror:
    """``waiting`` gives why a launched job has not started; ``blocked_types``, the types of which the cluster takes no pods."""

    def __init__(
        self,
        database: Database,
        kube: KubeClient,
        *,
        cache: MirrorCache,
        ingester: Ingester,
        settings: Settings,
        waiting: Callable[[str], WaitReason | None],
        blocked_types: Callable[[], frozenset[str]],
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
        self._memory = Memory()
        self._hint = asyncio.Event()
        self._writers = asyncio.Semaphore(WRITERS)

    def enqueue(self) -> None:
        """Asks for a pass soon."""
        self._hint.set()

    async def run(self) -> None:
        """Passes until cancelled."""
        self._transitions.begin()
        while True:
            self._hint.clear()
            pause = IDLE_SECONDS
            try:
                if self._cache.synced:
                    pause = await self.run_pass()
            except RegenError as error:
                log.warning("mirror put off", error=error.message)
            await asyncio.sleep(self._settings.mirror_delay_seconds)  # what comes in bursts is written at once
            try:
                async with asyncio.timeout(pause):
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def list_all(self) -> None:
        """Reads every custom resource anew.

        Raises:
            KubeError: the API server did not answer, or the custom resource definition is missing.
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
        """One pass. Returns the seconds until something becomes due by the clock alone.

        Raises:
            RegenError: what is wanted is not known, so nothing was deleted.
        """
        await self._each(self._guarded(key[1], partial(self._put_back, key)) for key in list(self._memory.to_put_back))
        await self._each(
            self._guarded(entry.name, partial(self._ingester.ingest, entry))
            for entry in self._cache.by_hand()
            if entry.job_id is None and not entry.refused and not entry.deleting
        )
        by_hand = {entry.job_id: entry for entry in self._cache.by_hand() if entry.job_id is not None}
        mirrors = self._cache.mirrors()
        facts = await self._database.mirror(
            window=self._settings.mirror_window,
            keep=self._settings.cr_keep,
            ttl_seconds=self._settings.cr_ttl_seconds,
            mirrored=mirrors.keys(),
            shown=by_hand.keys(),
        )
        self._transitions.saw(facts.values())
        await self._create({job_id: one for job_id, one in facts.items() if job_id not in mirrors and job_id not in by_hand})
        shown = self._cache.mirrors() | by_hand
        pause = await self._write_statuses({job_id: (shown[job_id], one) for job_id, one in facts.items() if job_id in shown})
        await self._each(
            self._guarded(entry.name, partial(self._make_again, entry))
            for job_id, entry in by_hand.items()
            if job_id not in facts and not entry.deleting
        )
        await self._each(
            self._guarded(entry.name, partial(self._delete, entry))
            for job_id, entry in mirrors.items()
            if (job_id not in facts or job_id in by_hand) and not entry.deleting
        )
        await self._each(
            self._guarded(entry.name, partial(self._delete, entry))
            for job_id, entry in by_hand.items()
            if job_id in facts and not entry.deleting and entry.is_expired(facts[job_id], self._settings.cr_ttl_seconds)
        )
        self._tidy()
        return pause

    # -- what is missing -----------------------------------------------------------------------------------------------

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
            self._set_aside(job_id, error.message)  # its row goes its way: the pod finds the same, and says so
            return
        if body is None:
            self._set_aside(job_id, "its type is no name that a custom resource can hold")
            return
        try:
            answer = await self._kube.create(CUSTOM, namespace, body)
        except AlreadyExists:
            answer = await self._kube.get(CUSTOM, namespace, body["metadata"]["name"])
        except Unprocessable as error:
            self._set_aside(job_id, error.message)
            return
        else:
            self._measure(facts, read_at)
        metadata = answer.body["metadata"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        if labels.get(LABEL_MANAGED_BY) != MANAGED_BY or annotations.get(ANNOTATION_JOB_ID) != job_id:
            self._set_aside(job_id, f"a custom resource named {metadata['name']} exists that is not this job's")
        self._cache.observe(answer.body)

    def _measure(self, facts: JobFacts, read_at: float) -> None:
        """How long a row waited for its custom resource; one that has ended is shown anew, which says nothing."""
        row = facts.row
        if row.created_at is not None and not row.status.is_terminal:
            age = (facts.now - row.created_at).total_seconds()
            self._metrics.phase("mirrored", row.type, age + time.monotonic() - read_at)

    # -- what a status should say --------------------------------------------------------------------------------------

    async def _write_statuses(self, shown: Mapping[str, tuple[Entry, JobFacts]]) -> float:
        now, pause = time.monotonic(), IDLE_SECONDS
        due: dict[str, tuple[Entry, JobFacts]] = {}
        for job_id, (entry, facts) in shown.items():
            seconds = due_in(facts, entry.status, self._delays, self._waiting(job_id))
            put_off = max(self._memory.set_aside.get(entry.uid, 0.0), self._memory.set_aside.get(job_id, 0.0))
            if entry.deleting or seconds is None or put_off > now:
                continue
            if seconds > 0:
                pause = min(pause, seconds)
            else:
                due[job_id] = (entry, facts)
        pending = [job_id for job_id, (_, facts) in due.items() if facts.row.status is JobStatus.PENDING]
        queue = await self._database.waiting(pending) if pending else {}
        await self._each(
            self._guarded(job_id, partial(self._write_status, entry, facts, queue.get(job_id)))
            for job_id, (entry, facts) in due.items()
            if facts.row.status is not JobStatus.PENDING or job_id in queue
        )
        return pause

    async def _write_status(self, entry: Entry, facts: JobFacts, queue: QueueFacts | None) -> None:
        row = facts.row
        wanted = build_status(facts, entry.status, self._why(facts, queue))
        if entry.status == wanted or self._memory.accepted.get(entry.uid) == (wanted, entry.status):
            return
        patch = merge_patch(wanted, entry.status)
        try:
            answer = await self._kube.patch_status(CUSTOM, entry.namespace, entry.name, patch)
        except NotFound:
            self._cache.forget(entry.namespace, entry.name, entry.uid)
            return
        except Unprocessable as error:
            await self._remake(entry, row.id, error)
            return
        kept = self._cache.observe(answer.body).status
        if row.status.is_terminal or kept != wanted:
            self._memory.accepted[entry.uid] = (wanted, kept)
        first_told = row.status is JobStatus.FAILED and entry.status.get("phase") != "FAILED"
        if first_told and may_tell_event(facts, entry.status):
            await self._tell_failure(entry, wanted, facts)

    def _why(self, facts: JobFacts, queue: QueueFacts | None) -> WaitReason | None:
        if facts.row.status is JobStatus.PENDING and queue is not None:
            return waiting_reason(facts, queue, self._settings.caps, self._blocked_types())
        if facts.row.status is not JobStatus.RUNNING or facts.run is not None:
            return None
        return self._waiting(facts.row.id)

    async def _remake(self, entry: Entry, job_id: str, error: Unprocessable) -> None:
        """The rules refuse the status (the database was restored): the object goes, and is made again."""
        log.warning("status refused", job_id=job_id, error=error.message)
        if not entry.status:
            # A fresh object refuses it too: the fault is ours, and making it again would never end.
            self._set_aside(entry.uid, error.message)
            return
        await self._make_again(entry)

    async def _make_again(self, entry: Entry) -> None:
        """Deletes an object whose past the rows do not know; one made by hand is put back as it was applied."""
        log.warning("custom resource is made again", resource=f"{entry.namespace}/{entry.name}", job_id=entry.job_id)
        if not entry.is_mirror:
            body = again((await self._kube.get(CUSTOM, entry.namespace, entry.name)).body)
            await self._ingester.secure(body)
            self._memory.to_put_back[entry.key] = body
        await self._delete(entry)
        if not entry.is_mirror:
            await self._put_back(entry.key)
        self._hint.set()

    async def _put_back(self, key: Key) -> None:
        """Makes the object of this key that we deleted; while it cannot be made, every pass tries again."""
        namespace, name = key
        if self._memory.set_aside.get(name, 0.0) > time.monotonic():
            return
        try:
            answer = await self._kube.create(CUSTOM, namespace, self._memory.to_put_back[key])
        except AlreadyExists:
            answer = await self._kube.get(CUSTOM, namespace, name)
            if "deletionTimestamp" in answer.body["metadata"]:
                self._set_aside_briefly(name)  # a finalizer holds the old one
                return
        except NotFound:
            log.warning("custom resource is not made again: its namespace is gone", resource=f"{namespace}/{name}")
            del self._memory.to_put_back[key]
            return
        except Unprocessable as error:
            self._set_aside(name, error.message)
            return
        del self._memory.to_put_back[key]
        self._cache.observe(answer.body)

    async def _tell_failure(self, entry: Entry, status: Mapping[str, Any], facts: JobFacts) -> None:
        owner = Owner(entry.namespace, entry.name, entry.uid)
        event = build_event(owner, reason=EventReason.FAILED, message=f"{status['reason']}: {status['message']}", at=facts.now)
        try:
            await self._kube.create(EVENTS, entry.namespace, event)
        except AlreadyExists:
            log.debug("event was written before", job_id=facts.row.id)

    # -- what is no longer wanted --------------------------------------------------------------------------------------

    async def _delete(self, entry: Entry) -> None:
        try:
            await self._kube.delete(CUSTOM, entry.namespace, entry.name, uid=entry.uid, propagation="Background")
        except (NotFound, Conflict):
            log.debug("custom resource was gone", resource=entry.name)
        self._cache.forget(entry.namespace, entry.name, entry.uid)

    def _set_aside(self, key: str, why: str) -> None:
        log.error("not mirrored for now", key=key, why=why, again_in=SET_ASIDE_SECONDS)
        self._memory.set_aside[key] = time.monotonic() + SET_ASIDE_SECONDS

    def _tidy(self) -> None:
        memory, now = self._memory, time.monotonic()
        for key in [key for key, until in memory.set_aside.items() if until <= now]:
            del memory.set_aside[key]
        uids = {entry.uid for entry in [*self._cache.mirrors().values(), *self._cache.by_hand()]}
        for uid in [uid for uid in memory.accepted if uid not in uids]:
            del memory.accepted[uid]

    async def _guarded(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """One object's trouble is its own; the next pass tries again."""
        async with self._writers:
            try:
                await work()
            except (KubeError, RegenError) as error:
                log.warning("not mirrored", key=key, error=error.message)
                self._set_aside_briefly(key)

    def _set_aside_briefly(self, key: str) -> None:
        self._memory.set_aside.setdefault(key, time.monotonic() + self._settings.mirror_delay_seconds * 4)

    @staticmethod
    async def _each(work: Iterable[Awaitable[None]]) -> None:
        await asyncio.gather(*work)
