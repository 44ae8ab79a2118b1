"""Jobs at every point of a life in which everything holds, for tests that then spoil one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from regen_core.audit_chain import AuditRecord, event_hash
from regen_core.canonical import canonical_json, instruction_digest
from regen_core.manifest import OutputRow
from regen_core.states import JobStatus
from regen_verify import FenceRecord, JobObjects, JobRecord, ObjectRecord, Snapshot
from regen_verify.trail import expected_events

if TYPE_CHECKING:
    from collections.abc import Iterable

T0 = datetime(2026, 1, 2, 3, 4, 5, 678000)  # noqa: DTZ001 - UTC without its zone
NOW = T0 + timedelta(minutes=30)
FOLDER = "s3://bucket/outputs/document/j/"
LOST = {"classification": "lost", "retryable": True, "message": "gone", "detail": {}}
INSTRUCTION = {"type": "document", "version": 1, "inputs": {}}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def output(name: str = "a.pdf", content: str = "a") -> OutputRow:
    return OutputRow(name, FOLDER + name, content * 64, 5, "application/pdf")


def job(status: JobStatus, *, started: bool = True, **changes: Any) -> JobRecord:
    """A job of this status with all that belongs to it, its events and objects included; then with ``changes``."""
    record = JobRecord(
        id="j", type="document", status=status, priority=3, requested_by="ada", retry_of=None, created_at=T0,
        instruction=INSTRUCTION,
    )  # fmt: skip
    if status is not JobStatus.PENDING:
        fence = FenceRecord("uid", "pod", at(2)) if started or status is JobStatus.COMPLETED else None
        record = replace(record, locked_at=at(1), fence=fence)
    if status.is_terminal:
        record = replace(record, completed_at=at(3))
    if status is JobStatus.COMPLETED:
        record = replace(record, output_ref=f"{FOLDER}manifest.json", outputs=(output("a.pdf"), output("b.txt", "b")))
        record = replace(record, objects=objects(record))
    if status is JobStatus.FAILED:
        record = replace(record, error=LOST)
    return replace(replace(record, events=trail(record)), **changes)


def objects(record: JobRecord, **manifest: Any) -> JobObjects:
    """What lies in the store of ``record``; ``manifest`` replaces some of the manifest's fields."""
    found = {one.ref: ObjectRecord(one.size_bytes, one.sha256) for one in record.outputs}
    fields = {
        "jobId": record.id,
        "type": record.type,
        "instructionSha256": instruction_digest(INSTRUCTION),
        "artifacts": [one.as_json() for one in record.outputs],
    }
    content = canonical_json(fields | manifest)
    return JobObjects({**found, f"{FOLDER}manifest.json": ObjectRecord(len(content))}, content)


def trail(record: JobRecord) -> tuple[AuditRecord, ...]:
    """The events that the job calls for, chained."""
    return chained(
        AuditRecord(
            number, one.event, record.id, str(one.status), "me", one.at or T0, canonical_json(one.detail).decode(), None, ""
        )
        for number, one in enumerate(expected_events(record), start=1)
    )


def chained(events: Iterable[AuditRecord]) -> tuple[AuditRecord, ...]:
    """The events with the hashes that the database would give them."""
    done: list[AuditRecord] = []
    for event in events:
        linked = replace(event, prev_hash=done[-1].hash if done else None)
        done.append(replace(linked, hash=event_hash(linked)))
    return tuple(done)


def snapshot(*jobs: JobRecord, **changes: Any) -> Snapshot:
    return replace(Snapshot(NOW, jobs), **changes)
