"""Recognises a failure that the starts of all jobs of a type share, such as a wrong database password of the runner.

After three such failures in a row the type is not claimed for a minute, then one job at a time probes whether starts work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regen_core.errors import JobError

FAILURES: Final = 3
PROBE_SECONDS: Final = 60.0
_JOBS_OWN: Final = frozenset({"podName", "node"})


@dataclass(slots=True)
class _Failures:
    """Consecutive failed starts of one type for one cause."""

    cause: tuple[object, ...]
    count: int
    last_at: float
    message: str


class StartFailures:
    """Consecutive failed starts by type."""

    def __init__(self) -> None:
        self._by_type: dict[str, _Failures] = {}

    def started(self, job_type: str | None) -> None:
        """A pod of this type took its fence: starts work."""
        if job_type is not None:
            self._by_type.pop(job_type, None)

    def failed(self, job_type: str | None, error: JobError) -> None:
        """A job of this type failed before its fence was taken."""
        if job_type is None:
            return
        own = tuple(sorted((key, value) for key, value in error.detail.items() if key not in _JOBS_OWN))
        cause = (error.classification, *own)
        known = self._by_type.get(job_type)
        count = known.count + 1 if known is not None and known.cause == cause else 1
        self._by_type[job_type] = _Failures(cause, count, time.monotonic(), error.message)

    def clear(self) -> None:
        """Forgets everything: this replica no longer leads."""
        self._by_type.clear()

    def limits(self) -> dict[str, int]:
        """Types whose starts fail, with the number of jobs that may run: none, or one to probe."""
        now = time.monotonic()
        return {name: int(now - one.last_at >= PROBE_SECONDS) for name, one in self._shared().items()}

    def messages(self) -> dict[str, str]:
        """Types whose starts fail, with the reason."""
        return {name: f"the last {one.count} jobs did not start: {one.message}" for name, one in self._shared().items()}

    def _shared(self) -> dict[str, _Failures]:
        return {name: one for name, one in self._by_type.items() if one.count >= FAILURES}
