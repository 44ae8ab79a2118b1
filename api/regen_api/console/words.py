"""Jobs in words: what a failure means and what to do, and what each event of the audit trail says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.errors import Classification

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job's reason. ``message`` is what the part that failed it said, ``trace`` what it showed of the place."""

    classification: str
    title: str
    advice: str
    message: str
    retryable: bool
    trace: str | None
    detail: Mapping[str, Any]


_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    Classification.VALIDATION: (
        "The instruction is not valid",
        "Triggering it again as it is fails again. Make a new job with the input that the message names put right.",
    ),
    Classification.CAPPED: (
        "A size limit was reached",
        "Triggering it again as it is fails again. Make a new job that asks for less, or raise the limit of its class.",
    ),
    Classification.EXECUTOR: (
        "The executor failed",
        "The message is the executor's own. The same instruction most likely fails alike; look at the pod's log first.",
    ),
    Classification.TIMEOUT: (
        "It took longer than it may",
        "Ask for less in one job, or raise the time limit of its class; then trigger it again.",
    ),
    Classification.RESOURCES: (
        "It needed more memory or disk than it may have",
        "Ask for less in one job, or raise the resources of its class; then trigger it again.",
    ),
    Classification.OUTPUT: (
        "Its output could not be kept",
        "What it made was refused, or another object lies in its place. Look at the store before you trigger it again.",
    ),
    Classification.LOST: (
        "Its pod was lost",
        "The cluster took the pod away or never started it; the instruction is not to blame. Trigger it again.",
    ),
    Classification.CANCELLED: (
        "Somebody stopped it",
        "Its Job was deleted on purpose while it ran. Trigger it again if it is still wanted.",
    ),
    Classification.INTERNAL: (
        "The system is not set up rightly",
        "An image, a secret or a rule of the cluster is in the way. Put that right, then trigger it again.",
    ),
}

_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "REGEN_JOB_LOCKED": ("Claimed", "The operator took it from the queue."),
    "REGEN_JOB_STARTED": ("Started", "Its pod took the fence; nothing else can run it now."),
    "REGEN_JOB_COMPLETED": ("Completed", "Its outputs are in the store and will never change."),
    "REGEN_JOB_FAILED": ("Failed", "It ended without outputs and will not run again."),
}


def failure(error: object) -> Failure | None:
    """``errorJson`` in words; it may be anything in a row from before regen."""
    if error is None:
        return None
    fields = error if isinstance(error, dict) else {}
    classification = str(fields.get("classification") or "unknown")
    title, advice = _WORDS.get(classification, ("It failed", "The record does not say why. Look at the pod's log."))
    given = fields.get("detail")
    detail = dict(given) if isinstance(given, dict) else {}
    trace = detail.pop("trace", None)
    return Failure(
        classification=classification,
        title=title,
        advice=advice,
        message=str(fields.get("message") or error),
        retryable=fields.get("retryable") is True,
        trace=trace if isinstance(trace, str) and trace else None,
        detail=detail,
    )


def event_words(event: str) -> tuple[str, str]:
    """A short name and a sentence for an event's name."""
    return _EVENTS.get(event, (event, ""))
