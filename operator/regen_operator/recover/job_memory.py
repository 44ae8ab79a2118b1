"""What the leader remembers of a job between examinations. Losing it costs repeated reads, never a second launch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regen_operator.reasons import WaitReason

REMEMBER_DELETION_SECONDS: Final = 3600.0
EXPIRE_EVERY_SECONDS: Final = 60.0
"""Expiry goes through every memory, so it must not run at each of many deletions."""


@dataclass(slots=True)
class JobMemory:
    """One job. Times are ``time.monotonic()``.

    Attributes:
        launching: a launch is in progress.
        launched_at: when this process last created or found the Job.
        attempts: consecutive failed calls of the Kubernetes API for this job.
        check_job: the row has ended and its Job may still be active.
        deletion_seen_at: when the deletion of an unfinished Job by another actor was seen.
        deleted_jobs: uids of Jobs that this process deleted, with the time.
        job_missing_since: when the Job was first found missing.
        waiting: why the launched job has not started.
        blocked_type: the job's type while the cluster takes no pods of it: this job's pod is unschedulable or refused.
    """

    launching: bool = False
    launched_at: float | None = None
    attempts: int = 0
    check_job: bool = False
    deletion_seen_at: float | None = None
    deleted_jobs: dict[str, float] = field(default_factory=dict)
    job_missing_since: float | None = None
    waiting: WaitReason | None = None
    blocked_type: str | None = None


class JobMemories:
    """A ``JobMemory`` for each job of which something is remembered."""

    def __init__(self) -> None:
        self._by_id: dict[str, JobMemory] = {}
        self._expired_at = time.monotonic()

    def of(self, job_id: str) -> JobMemory:
        """The job's memory, created if there is none."""
        return self._by_id.setdefault(job_id, JobMemory())

    def find(self, job_id: str) -> JobMemory | None:
        """The job's memory, or None."""
        return self._by_id.get(job_id)

    def waiting(self, job_id: str) -> WaitReason | None:
        """Why a launched job has not started, if known."""
        memory = self._by_id.get(job_id)
        return None if memory is None else memory.waiting

    def blocked_types(self) -> dict[str, str]:
        """The types of which the cluster takes no more pods, with the reason of one of their pods."""
        return {
            memory.blocked_type: memory.waiting.message
            for memory in self._by_id.values()
            if memory.blocked_type is not None and memory.waiting is not None
        }

    def job_deleted(self, job_id: str, job_uid: str) -> None:
        """An unfinished Job was deleted; ignored if this process deleted it."""
        memory, now = self.of(job_id), time.monotonic()
        if job_uid not in memory.deleted_jobs and memory.deletion_seen_at is None:
            memory.deletion_seen_at = now
        self._expire(now)

    def forget(self, job_id: str) -> None:
        """Forgets a job that has ended, except which of its Jobs this process deleted: their events arrive later."""
        memory = self._by_id.pop(job_id, None)
        if memory is not None and (memory.deleted_jobs or memory.launching):
            self._by_id[job_id] = JobMemory(launching=memory.launching, deleted_jobs=memory.deleted_jobs)

    def stop_leading(self) -> None:
        """Keeps only the deletions that were seen: a follower sees them too, and the next leader needs them."""
        for job_id, memory in list(self._by_id.items()):
            if memory.deletion_seen_at is None and not memory.deleted_jobs:
                del self._by_id[job_id]
            else:
                self._by_id[job_id] = JobMemory(deletion_seen_at=memory.deletion_seen_at, deleted_jobs=memory.deleted_jobs)

    def _expire(self, now: float) -> None:
        if now - self._expired_at < EXPIRE_EVERY_SECONDS:
            return
        self._expired_at = now
        limit = now - REMEMBER_DELETION_SECONDS
        for job_id, memory in list(self._by_id.items()):
            if memory.deletion_seen_at is not None and memory.deletion_seen_at < limit:
                memory.deletion_seen_at = None
            for uid in [uid for uid, at in memory.deleted_jobs.items() if at < limit]:
                del memory.deleted_jobs[uid]
            if memory == JobMemory():
                del self._by_id[job_id]
