"""Logs each start and each end of a job once, with its type, pod and the duration of its phases.

The mirror reports the rows that it reads at once; the queue metrics report the rest. The dispatcher logs claims.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from regen_operator.rows.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from regen_operator.rows.values import JobFacts

log = structlog.get_logger("regen.transitions")

KEEP: Final = 20_000
"""At most this number of transitions is remembered as logged; the oldest are forgotten first."""


class Transitions:
    """``overlap_seconds``: transitions of this time before this replica led are logged too; perhaps no replica logged them."""

    def __init__(self, overlap_seconds: float) -> None:
        self._overlap = timedelta(seconds=overlap_seconds)
        self._since: datetime | None = None
        self._logged: dict[tuple[str, str], None] = {}

    def begin(self) -> None:
        """This replica leads from now on."""
        self._since = None

    def saw(self, facts: Iterable[JobFacts]) -> None:
        """Rows as they are now. The previous leader logged transitions from before this replica led."""
        for one in facts:
            row, run = one.row, one.run
            if self._since is None:
                self._since = one.now - self._overlap
            pod = None if run is None else run.pod_name
            started_at = None if run is None else run.started_at
            if started_at is not None and started_at >= self._since and self._is_new("started", row.id):
                log.info(
                    "job started", job_id=row.id, type=row.type, pod=pod, start_seconds=_between(row.locked_at, started_at)
                )
            if row.completed_at is not None and row.completed_at >= self._since and self._is_new("ended", row.id):
                _log_end(_outcome(one, row.completed_at))

    def ended(self, job: Outcome) -> None:
        """A job ended. The mirror may have reported it."""
        if self._is_new("ended", job.id):
            _log_end(job)

    def _is_new(self, what: str, job_id: str) -> bool:
        key = what, job_id
        if key in self._logged:
            return False
        self._logged[key] = None
        while len(self._logged) > KEEP:
            del self._logged[next(iter(self._logged))]
        return True


def _outcome(facts: JobFacts, completed_at: datetime) -> Outcome:
    row, run, error = facts.row, facts.run, facts.row.error or {}
    return Outcome(
        id=row.id,
        type=row.type,
        status=row.status,
        classification=error.get("classification"),
        reason=None,
        message=error.get("message"),
        pod_name=None if run is None else run.pod_name,
        created_at=row.created_at or completed_at,
        locked_at=row.locked_at,
        started_at=None if run is None else run.started_at,
        completed_at=completed_at,
    )


def _log_end(job: Outcome) -> None:
    failure = {} if job.classification is None else {"classification": job.classification, "message": job.message}
    log.info(
        "job ended",
        job_id=job.id,
        type=job.type,
        status=str(job.status),
        **failure,
        pod=job.pod_name,
        queued_seconds=_between(job.created_at, job.locked_at),
        start_seconds=_between(job.locked_at, job.started_at),
        run_seconds=_between(job.started_at, job.completed_at),
    )


def _between(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)
