"""The status of a custom resource as a function of its row. Pure; the clock is the database's.

Writes are what the API server pays for, so a status is written when it tells something that lasts: PENDING only once a job
really waits, RUNNING once with its pod, the end at once. Contract section 5 and the CRD's rules say what may follow what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.names import job_name
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regen_core.states import Caps
    from regen_operator.rows import JobFacts, JobRow, QueueFacts

Json = dict[str, Any]

REFRESH_FACTOR: Final = 8
"""A waiting job's place is written anew when it has waited so many times longer: a few writes however long the queue."""
MAX_MESSAGE: Final = 1024


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds before a status is worth a write: RUNNING with its pod, RUNNING still without one, PENDING."""

    running: float
    starting: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a job waits: one word and one sentence."""

    reason: str
    message: str


def due_in(facts: JobFacts, previous: Mapping[str, Any], delays: Delays, *, written_at_age: float | None) -> float | None:
    """Seconds until this row's status should be written (0 is now); None where nothing is to be written by the clock.

    ``written_at_age`` is how long a PENDING job had waited when its reason was written last.
    """
    row = facts.row
    if row.status.is_terminal:
        return 0.0
    if row.status is JobStatus.RUNNING:
        if previous.get("phase") == "RUNNING":
            return 0.0
        delay = delays.running if facts.run is not None else delays.starting
        return max(0.0, delay - _seconds(row.locked_at, facts.now))
    age = _seconds(row.created_at, facts.now)
    if written_at_age is None:
        return max(0.0, delays.waiting - age)
    return max(0.0, max(written_at_age, delays.waiting) * REFRESH_FACTOR - age)


def pending_age(facts: JobFacts) -> float:
    """How long the row has waited, in seconds."""
    return _seconds(facts.row.created_at, facts.now)


def waiting_reason(row: JobRow, queue: QueueFacts, caps: Caps, crowded: frozenset[str]) -> Waiting:
    """Why a PENDING job waits: no room for its type, or else the narrowest cap that is reached, and its place.

    ``crowded`` are the types whose launched jobs find no node.
    """
    place = f"place {queue.place} in the queue" if queue.place is not None else "not among the first thousand of the queue"
    if row.type in crowded:
        return Waiting("NoRoom", f"jobs of type {row.type} that were launched before find no node; {place}")
    type_cap = caps.per_type.get(row.type or "")
    if type_cap is not None and queue.running_of_type >= type_cap:
        return Waiting("CapType", f"{queue.running_of_type} of {type_cap} jobs of type {row.type} run; {place}")
    requester_cap = caps.per_requester if row.requested_by is not None else None
    if requester_cap is not None and queue.running_of_requester >= requester_cap:
        who = row.requested_by
        return Waiting(
            "CapRequester", f"{queue.running_of_requester} of {requester_cap} jobs of {who} run; {place}"[:MAX_MESSAGE]
        )
    if queue.running_total >= caps.total:
        return Waiting("CapTotal", f"{queue.running_total} of {caps.total} jobs run; {place}")
    return Waiting("Queued", f"a slot is free; {place}")


def build_status(facts: JobFacts, previous: Mapping[str, Any], waiting: Waiting | None) -> Json:
    """The whole status. ``previous`` is what the object has: what is set once is kept, conditions keep their times."""
    row, run = facts.row, facts.run
    status: Json = {"jobId": row.id, "phase": str(row.status)}
    status |= _reason(row, waiting)
    if row.locked_at is not None:
        status["lockedAt"] = stamp(row.locked_at)
    if run is not None:
        status |= {"jobName": job_name(row.id), "podName": run.pod_name, "startedAt": stamp(run.started_at)}
    elif row.status is JobStatus.RUNNING or "jobName" in previous:
        status["jobName"] = job_name(row.id)
    if row.completed_at is not None:
        status["completedAt"] = stamp(row.completed_at)
    if run is not None:
        status["runTime"] = _run_time(run.started_at, row.completed_at)
    if row.output_ref is not None:
        status["outputRef"] = row.output_ref
    if row.error is not None:
        status["error"] = {
            "classification": row.error["classification"],
            "message": _cut(str(row.error["message"])),
            "retryable": row.error["retryable"],
        }
    status["conditions"] = _conditions(facts, previous, status)
    return status


def merge_patch(wanted: Mapping[str, Any], previous: Mapping[str, Any]) -> Json:
    """The merge patch that makes ``previous`` into ``wanted``."""
    return {**dict.fromkeys((key for key in previous if key not in wanted), None), **wanted}


def refused_status(previous: Mapping[str, Any], reason: str, message: str, at: datetime) -> Json:
    """The status of an object that is no job and will be none."""
    kept = [entry for entry in previous.get("conditions") or [] if entry["type"] != "Refused"]
    refusal = {"type": "Refused", "status": "True", "reason": reason, "message": _cut(message), "lastTransitionTime": stamp(at)}
    return {**previous, "reason": reason, "message": _cut(message), "conditions": [*kept, refusal]}


def is_refused(status: Mapping[str, Any]) -> bool:
    """Whether the object was refused."""
    return any(entry["type"] == "Refused" and entry["status"] == "True" for entry in status.get("conditions") or [])


def stamp(moment: datetime) -> str:
    """UTC as RFC 3339 with milliseconds, as the database holds it."""
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _reason(row: JobRow, waiting: Waiting | None) -> Json:
    if row.status is JobStatus.FAILED and row.error is not None:
        return {"reason": str(row.error["classification"]), "message": _cut(str(row.error["message"]))}
    if row.status.is_terminal or waiting is None:
        return {}
    return {"reason": waiting.reason, "message": _cut(waiting.message)}


def _conditions(facts: JobFacts, previous: Mapping[str, Any], status: Mapping[str, Any]) -> list[Json]:
    row, run = facts.row, facts.run
    if row.status is JobStatus.PENDING:
        why = {"reason": status.get("reason", "Queued"), "message": status.get("message", "")}
        return _timed([("Claimed", "False", why, row.created_at)], previous, facts.now)
    conditions: list[tuple[str, str, Json, datetime | None]] = [
        ("Claimed", "True", {"reason": "Claimed", "message": ""}, row.locked_at)
    ]
    if run is not None:
        conditions.append(("Launched", "True", {"reason": "Started", "message": ""}, run.started_at))
    elif row.status is JobStatus.RUNNING:
        why = {"reason": status.get("reason", "Starting"), "message": status.get("message", "")}
        conditions.append(("Launched", "False", why, row.locked_at))
    elif row.status is JobStatus.FAILED:
        conditions.append(("Launched", "False", {"reason": "NeverStarted", "message": ""}, row.locked_at))
    if row.status is JobStatus.COMPLETED:
        conditions.append(("Succeeded", "True", {"reason": "Completed", "message": ""}, row.completed_at))
    if row.status is JobStatus.FAILED:
        why = {"reason": str(status.get("reason") or "failed"), "message": str(status.get("message") or "")}
        conditions.append(("Succeeded", "False", why, row.completed_at))
    return _timed(conditions, previous, facts.now)


def _timed(conditions: list[tuple[str, str, Json, datetime | None]], previous: Mapping[str, Any], now: datetime) -> list[Json]:
    """A condition's time changes with its status, not with its reason."""
    before = {entry["type"]: entry for entry in previous.get("conditions") or []}
    timed = []
    for kind, holds, why, at in conditions:
        old = before.get(kind)
        time = old["lastTransitionTime"] if old is not None and old["status"] == holds else stamp(at or now)
        timed.append({"type": kind, "status": holds, **why, "lastTransitionTime": time})
    return timed


def _run_time(started_at: datetime, completed_at: datetime | None) -> str:
    if completed_at is None:
        return f"since {started_at.isoformat(timespec='seconds')}Z"
    seconds = (completed_at - started_at).total_seconds()
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()


def _cut(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
