"""The status of a custom resource as a function of its row. Pure; the clock is the database's.

Writes are what the API server pays for, so a status is written when it tells something that lasts: PENDING only once a job
really waits, RUNNING once with its pod, the end at once. docs/contract.md and the CRD's rules say what may follow what.

A job costs at most six writes: its object is made and deleted, its Job is made, its end is told. That leaves two. One is
for what holds it up, either while it waits or while it starts; one for its pod. An Event of a failure, or the deletion of a
Job that never started, comes out of the same two; the Event is the one that is spared, since the conditions say the same.
The conditions' reasons tell what was written before, so that a new leader counts on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.errors import Classification
from regen_core.names import job_name
from regen_core.states import JobStatus
from regen_operator.reasons import ConditionReason, PendingReason, WaitReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regen_core.states import Caps
    from regen_operator.rows.values import JobFacts, JobRow, QueueFacts

Json = dict[str, Any]

WRITES_PER_JOB: Final = 6
PATIENCE_FACTOR: Final = 4
"""A start that nothing is known to hold up is told of so many times later than one that something does."""
UNTROUBLED: Final = frozenset({"Starting", "Launching"})
AFTER_WAIT: Final = "ClaimedAfterWait"
LATE: Final = "StartedLate"
MAX_MESSAGE: Final = 1024


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds before a status is worth a write: RUNNING with its pod, RUNNING still without one, PENDING."""

    running: float
    starting: float
    waiting: float


def due_in(facts: JobFacts, previous: Mapping[str, Any], delays: Delays, heard: WaitReason | None) -> float | None:
    """Seconds until this row's status should be written (0 is now); None where nothing is to be written by the clock.

    ``heard`` is why its launched pod has not started, as far as is known.
    """
    row = facts.row
    if row.status.is_terminal or _is_ahead(previous, row):
        return 0.0
    if row.status is JobStatus.PENDING:
        if _told_wait(previous):
            return None
        return max(0.0, delays.waiting - pending_age(facts))
    claimed_for = _seconds(row.locked_at, facts.now)
    if facts.run is not None:
        return None if _reason_of(previous, "Launched")[0] == "True" else max(0.0, delays.running - claimed_for)
    if previous.get("phase") == "RUNNING" or _told_wait(previous):
        return None
    troubled = heard is not None and heard.reason not in UNTROUBLED
    return max(0.0, delays.starting * (1 if troubled else PATIENCE_FACTOR) - claimed_for)


def pending_age(facts: JobFacts) -> float:
    """How long the row has waited, in seconds."""
    return _seconds(facts.row.created_at, facts.now)


def may_tell_event(facts: JobFacts, previous: Mapping[str, Any]) -> bool:
    """Whether a failed job's Event is within its writes. ``previous`` is the status before the end was written."""
    error = facts.row.error or {}
    # A type without a class is failed as it is claimed; any other Job that never started is deleted.
    never_started = 0 if error.get("classification") == Classification.VALIDATION else 2
    job = 1 if facts.run is not None else never_started
    made_and_deleted = 2  # one made by hand is told its row instead of being made
    launched = _reason_of(previous, "Launched")
    told = [_told_wait(previous), launched[0] == "False" or launched[1] == LATE, launched[0] == "True"]
    end_and_event = 2
    return made_and_deleted + job + sum(told) + end_and_event <= WRITES_PER_JOB


def waiting_reason(facts: JobFacts, queue: QueueFacts, caps: Caps, blocked_types: frozenset[str]) -> WaitReason:
    """Why a PENDING job waits: no room for its type, or else the narrowest cap that is reached, and its place by now.

    ``blocked_types`` are the types of which the cluster takes no more pods.
    """
    row = facts.row
    where = f"place {queue.place} in the queue" if queue.place is not None else "not among the first thousand of the queue"
    place = f"{where} at {facts.now:%H:%M:%S}Z"
    if row.type in blocked_types:
        return WaitReason(PendingReason.UNSCHEDULABLE, f"the cluster takes no more pods of type {row.type}; {place}")
    type_cap = caps.per_type.get(row.type or "")
    if type_cap is not None and queue.running_of_type >= type_cap:
        return WaitReason(PendingReason.CAP_TYPE, f"{queue.running_of_type} of {type_cap} jobs of type {row.type} run; {place}")
    requester_cap = caps.per_requester if row.requested_by is not None else None
    if requester_cap is not None and queue.running_of_requester >= requester_cap:
        who = row.requested_by
        return WaitReason(
            PendingReason.CAP_REQUESTER,
            f"{queue.running_of_requester} of {requester_cap} jobs of {who} run; {place}"[:MAX_MESSAGE],
        )
    if queue.running_total >= caps.total:
        return WaitReason(PendingReason.CAP_TOTAL, f"{queue.running_total} of {caps.total} jobs run; {place}")
    return WaitReason(PendingReason.QUEUED, f"a slot is free; {place}")


def build_status(facts: JobFacts, previous: Mapping[str, Any], waiting: WaitReason | None) -> Json:
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


def _reason(row: JobRow, waiting: WaitReason | None) -> Json:
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
    claimed = {"reason": AFTER_WAIT if _told_wait(previous) else ConditionReason.CLAIMED, "message": ""}
    conditions: list[tuple[str, str, Json, datetime | None]] = [("Claimed", "True", claimed, row.locked_at)]
    launched = _reason_of(previous, "Launched")
    if run is not None:
        late = launched[0] == "False" or launched[1] == LATE
        conditions.append(
            ("Launched", "True", {"reason": LATE if late else ConditionReason.STARTED, "message": ""}, run.started_at)
        )
    elif row.status is JobStatus.RUNNING:
        why = {"reason": status.get("reason", "Starting"), "message": status.get("message", "")}
        conditions.append(("Launched", "False", why, row.locked_at))
    elif row.status is JobStatus.FAILED:
        conditions.append(("Launched", "False", {"reason": ConditionReason.NEVER_STARTED, "message": ""}, row.locked_at))
    if row.status is JobStatus.COMPLETED:
        conditions.append(("Succeeded", "True", {"reason": ConditionReason.COMPLETED, "message": ""}, row.completed_at))
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


def _reason_of(status: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """(status, reason) of a condition; empty where there is none."""
    found = next((entry for entry in status.get("conditions") or [] if entry["type"] == kind), None)
    return ("", "") if found is None else (found["status"], found["reason"])


def _is_ahead(status: Mapping[str, Any], row: JobRow) -> bool:
    """Whether a status tells more than the row knows, or of another row: the database was restored."""
    phase = JobStatus(status.get("phase", JobStatus.PENDING))
    further = phase.is_terminal if row.status is JobStatus.RUNNING else phase is not JobStatus.PENDING
    return further or status.get("jobId", row.id) != row.id


def _told_wait(status: Mapping[str, Any]) -> bool:
    """Whether a status once said why its job waits; the row's own PENDING, told to an object made by hand, has no reason."""
    holds, reason = _reason_of(status, "Claimed")
    return reason == AFTER_WAIT or (holds == "False" and "reason" in status)


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
