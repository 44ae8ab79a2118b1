"""A job's life as steps: the request, then every event of the audit trail, each with the time since the step before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from regen_api.console.words import event_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regen_api.jobs.views import Event, Job

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Step:
    """``at`` is UTC without a zone. ``after`` is since the step before, None for the first."""

    name: str
    sentence: str
    at: datetime
    after: timedelta | None
    actor: str | None
    tone: str
    is_repaired: bool
    hash: str | None


def timeline(job: Job, events: Sequence[Event]) -> list[Step]:
    """The steps, oldest first."""
    asked = f"Requested by {job.requested_by}." if job.requested_by else "The application made the row."
    steps = [Step("Requested", asked, job.created_at, None, None, "pending", is_repaired=False, hash=None)]
    for event in events:
        name, sentence = event_words(event.event)
        repaired = isinstance(event.detail, dict) and event.detail.get("repaired") is True
        # A repaired event is stamped with the time of what it tells of, and may be younger in the trail than its successor.
        after = max(timedelta(), event.at - steps[-1].at)
        steps.append(Step(name, sentence, event.at, after, event.actor, event.status.lower(), repaired, event.hash))
    return steps


def duration(span: timedelta) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 4 min``, ``3 d 1 h``."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def size(count: int) -> str:
    """``512 B``, ``1.5 KiB``, ``3.2 MiB``."""
    if count < 1024:
        return f"{count} B"
    amount = float(count)
    for unit in ("KiB", "MiB"):
        amount /= 1024
        if amount < 1024:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} GiB"
