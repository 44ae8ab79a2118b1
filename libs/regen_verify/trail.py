"""Check a job's audit events: their hash chain, and that they match the rows (rule R10)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.audit_chain import REPAIRED, verify_chain
from regen_core.audit_events import ADOPTED, COMPLETED, FAILED, LIFECYCLE, LOCKED, STARTED
from regen_core.states import JobStatus
from regen_verify.records import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from regen_core.audit_chain import AuditRecord
    from regen_verify.records import JobRecord, Snapshot

_TAMPERED: Final = (
    "someone with the owner's or a superuser's login changed the trail. Preserve the database as it is, and compare it with "
    "an earlier `regen audit export`"
)
_MISSING: Final = (
    "check that the operator is running: its sweep adds the event, marked repaired. For older ones run "
    "`SELECT * FROM regen_audit_repair_v1(1000)` with a login that has the operator's role"
)


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that the rows require. ``at`` is None if the row lacks the time."""

    event: str
    status: JobStatus
    at: datetime | None
    detail: dict[str, Any]


def chain(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """Every event has the correct hash and names the event before it."""
    del snapshot
    for fault in verify_chain(job.events):
        yield Violation(Invariant.AUDIT_CHAIN, job.id, f"audit event {fault.event_id}: {fault.message}", _TAMPERED)


def complete(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """Every event that the rows require exists once and matches them; there are no others; all are in order."""
    wanted = {expected.event: expected for expected in expected_events(job)}
    counts = Counter(event.event for event in job.events)
    for name, expected in wanted.items():
        if not counts[name] and _is_due(expected, snapshot):
            message = f"audit event {name} is missing"
            yield Violation(Invariant.AUDIT_COMPLETE, job.id, message, _MISSING)
    for name, count in counts.items():
        most = 1 if name in wanted or name == ADOPTED else 0
        if count > most:
            message = f"audit event {name} occurs {count} times in this {job.status} job, not {most}"
            yield Violation(Invariant.AUDIT_COMPLETE, job.id, message, _TAMPERED)
    for event in job.events:
        if event.event in wanted:
            yield from _differences(job, event, wanted[event.event])
    written = [LIFECYCLE.index(event.event) for event in job.events if event.event in LIFECYCLE and not is_repaired(event)]
    if written != sorted(written):
        names = ", ".join(LIFECYCLE[place] for place in written)
        message = f"audit events are out of order: {names}"
        yield Violation(Invariant.AUDIT_COMPLETE, job.id, message, _TAMPERED)


def expected_events(job: JobRecord) -> list[Expected]:
    """Return the events that the row and the fence require, in order."""
    if job.status is JobStatus.PENDING or job.ended_before_regen:
        return []
    events = []
    if job.adopted_as != JobStatus.RUNNING:
        detail = {"type": job.type, "priority": job.priority}
        events.append(Expected(LOCKED, JobStatus.RUNNING, job.locked_at, detail))
    if job.fence is not None:
        detail = {"podUid": job.fence.pod_uid, "podName": job.fence.pod_name}
        events.append(Expected(STARTED, JobStatus.RUNNING, job.fence.started_at, detail))
    if job.status is JobStatus.COMPLETED:
        events.append(Expected(COMPLETED, job.status, job.completed_at, {"outputRef": job.output_ref}))
    if job.status is JobStatus.FAILED:
        error = job.error if isinstance(job.error, dict) else {}  # the check of the columns reports anything else
        detail = {"classification": error.get("classification"), "retryable": error.get("retryable")}
        events.append(Expected(FAILED, job.status, job.completed_at, detail))
    return events


def is_repaired(event: AuditRecord) -> bool:
    """Return whether the sweep added the event later."""
    return _detail(event).get(REPAIRED) is True


def _detail(event: AuditRecord) -> dict[str, Any]:
    try:
        value = json.loads(event.detail)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(detail: dict[str, Any]) -> str:
    return json.dumps(detail, sort_keys=True, ensure_ascii=False)


def _is_due(expected: Expected, snapshot: Snapshot) -> bool:
    return expected.at is None or snapshot.now - expected.at > snapshot.limits.repair_within


def _differences(job: JobRecord, event: AuditRecord, expected: Expected) -> Iterator[Violation]:
    said = {key: value for key, value in _detail(event).items() if key != REPAIRED}
    for field, found, wanted in (
        ("status", event.status, str(expected.status)),
        ("at", event.at, expected.at),
        ("detail", _text(said), _text(expected.detail)),
    ):
        if found != wanted:
            message = f"audit event {event.id} ({event.event}): {field} is {found}, but the rows have {wanted}"
            yield Violation(Invariant.AUDIT_COMPLETE, job.id, message, _TAMPERED)
