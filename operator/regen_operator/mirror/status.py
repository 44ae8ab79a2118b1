"""The status of a custom resource: a function of its row and of why the job waits. No I/O; the clock is the database's.

Every change of phase or reason is written, messages alone are not. States that usually last a moment (queued, starting, an
end within seconds) are written after a delay, so a job that completes without waiting costs at most six writes: its resource
and its Job created, two statuses, and its resource deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.names import job_name
from regen_core.states import JobStatus
from regen_operator.reasons import ConditionReason, PendingReason, StartReason, WaitReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regen_core.states import Caps
    from regen_operator.rows.values import JobFacts, JobRow, QueueFacts

Json = dict[str, Any]

NORMAL_STARTS: Final = frozenset({StartReason.LAUNCHING, StartReason.STARTING})
"""Reasons of a start that nothing is known to hold up."""
MAX_MESSAGE: Final = 1024


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds before a state is written to a resource that shows none yet.

    Attributes:
        running: RUNNING, since the claim.
        starting: RUNNING without a pod, if nothing is known to hold it up, since the claim.
        waiting: PENDING, since the insert; also how long a changed reason must last.
    """

    running: float
    starting: float
    waiting: float


def due_in(facts: JobFacts, shown: Mapping[str, Any], wanted: Mapping[str, Any], delays: Delays) -> float | None:
    """Seconds until ``wanted`` should replace ``shown``; 0 is now, None is never: it shows the same."""
    if not differs(shown, wanted):
        return None
    row = facts.row
    if row.status.is_terminal or _is_ahead(shown, row):
        return 0.0
    if row.status is JobStatus.PENDING:
        return 0.0 if _shows_state(shown) else max(0.0, delays.waiting - pending_age(facts))
    claimed_for = _seconds(row.locked_at, facts.now)
    if facts.run is None and wanted.get("reason") in NORMAL_STARTS:
        return max(0.0, (delays.running if _shows_state(shown) else delays.starting) - claimed_for)
    return 0.0 if _shows_state(shown) else max(0.0, delays.running - claimed_for)


def differs(shown: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether two statuses differ in more than messages: a place in the queue changes too often to be written."""
    return _without_messages(shown) != _without_messages(wanted)


def pending_age(facts: JobFacts) -> float:
    """Seconds since the row was inserted."""
    return _seconds(facts.row.created_at, facts.now)


def waiting_reason(facts: JobFacts, queue: QueueFacts, caps: Caps, blocked_types: Mapping[str, str]) -> WaitReason:
    """Why a PENDING job waits: pods of its type cannot start, or else the narrowest cap that is reached.

    ``blocked_types`` are the types whose pods cannot start, each with the reason.
    """
    row = facts.row
    where = f"Place {queue.place} in the queue" if queue.place is not None else "Beyond the first thousand of the queue"
    place = f"{where} at {facts.now:%H:%M:%S}Z"
    if row.type is not None and row.type in blocked_types:
        message = f"pods of type {row.type} cannot start: {blocked_types[row.type]}"
        return WaitReason(PendingReason.UNSCHEDULABLE, f"{message[: MAX_MESSAGE - len(place) - 2]}. {place}")
    type_cap = caps.per_type.get(row.type or "")
    if type_cap is not None and queue.running_of_type >= type_cap:
        message = f"{queue.running_of_type} of {type_cap} jobs of type {row.type} are running. {place}"
        return WaitReason(PendingReason.CAP_TYPE, message)
    requester_cap = caps.per_requester if row.requested_by is not None else None
    if requester_cap is not None and queue.running_of_requester >= requester_cap:
        message = f"{queue.running_of_requester} of {requester_cap} jobs of {row.requested_by} are running. {place}"
        return WaitReason(PendingReason.CAP_REQUESTER, _cut(message))
    if queue.running_total >= caps.total:
        return WaitReason(PendingReason.CAP_TOTAL, f"{queue.running_total} of {caps.total} jobs are running. {place}")
    return WaitReason(PendingReason.QUEUED, f"a slot is free. {place}")


def build_status(facts: JobFacts, previous: Mapping[str, Any], waiting: WaitReason | None, generation: int) -> Json:
    """The whole status. Fields of ``previous`` that are set once are kept, and conditions keep their times."""
    row, run = facts.row, facts.run
    status: Json = {"observedGeneration": generation, "jobId": row.id, "phase": str(row.status)}
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
    """The merge patch from ``previous`` to ``wanted``."""
    return {**dict.fromkeys((key for key in previous if key not in wanted), None), **wanted}


def refused_status(previous: Mapping[str, Any], reason: str, message: str, at: datetime, generation: int) -> Json:
    """The status of a resource that is not a job: ``kubectl wait --for=condition=Succeeded=false`` ends."""
    text = _cut(message)
    refused = {"reason": ConditionReason.REFUSED, "message": text}
    conditions: list[_Condition] = [
        ("Refused", "True", {"reason": reason, "message": text}, at),
        ("Succeeded", "False", refused, at),
        ("Stalled", "True", refused, at),
    ]
    added = {kind for kind, *_ in conditions}
    kept = [entry for entry in previous.get("conditions") or [] if entry["type"] not in {*added, "Reconciling"}]
    told = {"observedGeneration": generation, "reason": str(ConditionReason.REFUSED), "message": f"{reason}: {text}"}
    return {**previous, **told, "conditions": [*kept, *_timed(conditions, previous, at)]}


def is_refused(status: Mapping[str, Any]) -> bool:
    """Whether the resource was refused."""
    return any(entry["type"] == "Refused" and entry["status"] == "True" for entry in status.get("conditions") or [])


def stamp(moment: datetime) -> str:
    """UTC as RFC 3339 with milliseconds, the precision of the database."""
    return f"{moment.isoformat(timespec='milliseconds')}Z"


_Condition = tuple[str, str, Json, "datetime | None"]


def _reason(row: JobRow, waiting: WaitReason | None) -> Json:
    if row.status is JobStatus.FAILED and row.error is not None:
        return {"reason": str(row.error["classification"]), "message": _cut(str(row.error["message"]))}
    if row.status.is_terminal or waiting is None:
        return {}
    return {"reason": str(waiting.reason), "message": _cut(waiting.message)}


def _conditions(facts: JobFacts, previous: Mapping[str, Any], status: Mapping[str, Any]) -> list[Json]:
    """Claimed, Launched and Succeeded; Reconciling and Stalled are those that kstatus reads."""
    row = facts.row
    why = {"reason": str(status.get("reason") or row.status.capitalize()), "message": str(status.get("message") or "")}
    if row.status is JobStatus.PENDING:
        conditions: list[_Condition] = [("Claimed", "False", why, row.created_at)]
    else:
        conditions = [("Claimed", "True", _because(ConditionReason.CLAIMED), row.locked_at), *_launched(facts, why)]
    match row.status:
        case JobStatus.COMPLETED:
            conditions.append(("Succeeded", "True", _because(ConditionReason.COMPLETED), row.completed_at))
        case JobStatus.FAILED:
            conditions.append(("Succeeded", "False", why, row.completed_at))
            conditions.append(("Stalled", "True", _because(ConditionReason.FAILED), row.completed_at))
        case _:
            conditions.append(("Reconciling", "True", _because(ConditionReason.IN_PROGRESS), row.created_at))
    return _timed(conditions, previous, facts.now)


def _launched(facts: JobFacts, why: Json) -> list[_Condition]:
    row, run = facts.row, facts.run
    if run is not None:
        return [("Launched", "True", _because(ConditionReason.STARTED), run.started_at)]
    if row.status is JobStatus.RUNNING:
        return [("Launched", "False", why, row.locked_at)]
    if row.status is JobStatus.FAILED:
        return [("Launched", "False", _because(ConditionReason.NEVER_STARTED), row.locked_at)]
    return []


def _because(reason: ConditionReason) -> Json:
    return {"reason": str(reason), "message": ""}


def _timed(conditions: list[_Condition], previous: Mapping[str, Any], now: datetime) -> list[Json]:
    """Sets each condition's time, which changes with its status and not with its reason."""
    before = {entry["type"]: entry for entry in previous.get("conditions") or []}
    timed = []
    for kind, holds, why, at in conditions:
        old = before.get(kind)
        time = old["lastTransitionTime"] if old is not None and old["status"] == holds else stamp(at or now)
        timed.append({"type": kind, "status": holds, **why, "lastTransitionTime": time})
    return timed


def _is_ahead(status: Mapping[str, Any], row: JobRow) -> bool:
    """Whether a status is ahead of its row, or that of another row: the database was restored."""
    phase = JobStatus(status.get("phase", JobStatus.PENDING))
    further = phase.is_terminal if row.status is JobStatus.RUNNING else phase is not JobStatus.PENDING
    return further or status.get("jobId", row.id) != row.id


def _shows_state(status: Mapping[str, Any]) -> bool:
    """Whether a status has a phase and, while PENDING, a reason; at ingestion only the phase is written."""
    return "phase" in status and (status["phase"] != JobStatus.PENDING or "reason" in status)


def _without_messages(status: Mapping[str, Any]) -> Json:
    conditions = [{key: value for key, value in entry.items() if key != "message"} for entry in status.get("conditions") or []]
    return {**status, "message": None, "conditions": conditions}


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
