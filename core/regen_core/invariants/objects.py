"""Checks over a job's objects in the store, against its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from regen_core.canonical import instruction_digest
from regen_core.errors import ValidationFailed
from regen_core.invariants.records import Invariant, Violation
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_core.invariants.records import JobRecord, ObjectRecord, Snapshot
    from regen_core.manifest import OutputRow

_RESTORE: Final = (
    "restore the object's first version (bucket versioning), and find out who may write or delete there; a new job makes "
    "the output anew: `regen trigger --retry-of`"
)
_COMPARE: Final = "compare the manifest with the rows: one of the two was changed after the job completed"


def stored(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """Manifest and outputs lie where the rows say, with the size and digest that the rows say."""
    del snapshot
    if job.objects is None or job.status is not JobStatus.COMPLETED or job.ended_before_regen:
        return
    if job.output_ref is not None and job.output_ref not in job.objects.found:
        yield Violation(Invariant.OBJECTS, job.id, f"manifest: expected an object at {job.output_ref}, got none", _RESTORE)
    for output in job.outputs:
        found = job.objects.found.get(output.ref)
        problem = "expected an object, got none" if found is None else _difference(output, found)
        if problem:
            yield Violation(Invariant.OBJECTS, job.id, f"output {output.name} at {output.ref}: {problem}", _RESTORE)


def manifest(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """The manifest names this job, this instruction and these outputs."""
    del snapshot
    if job.objects is None or job.objects.manifest is None or job.status is not JobStatus.COMPLETED:
        return
    try:
        content = json.loads(job.objects.manifest)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        yield Violation(Invariant.MANIFEST, job.id, "manifest: expected a JSON object, got something else", _COMPARE)
        return
    for field, wanted in _said_by_rows(job).items():
        if content.get(field) != wanted:
            message = (
                f"manifest field {field}: expected {_short(wanted)} as the database says, got {_short(content.get(field))}"
            )
            yield Violation(Invariant.MANIFEST, job.id, message, _COMPARE)


def _said_by_rows(job: JobRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "jobId": job.id,
        "type": job.type,
        "artifacts": [output.as_json() for output in sorted(job.outputs, key=lambda output: output.name)],
    }
    if job.instruction is not None:
        try:
            fields["instructionSha256"] = instruction_digest(job.instruction)
        except ValidationFailed:
            fields["instructionSha256"] = "an instruction that RFC 8785 can express"
    return fields


def _difference(output: OutputRow, found: ObjectRecord) -> str | None:
    if found.size_bytes != output.size_bytes:
        return f"expected {output.size_bytes} bytes, got {found.size_bytes}"
    if found.sha256 is not None and found.sha256 != output.sha256:
        return f"expected SHA-256 {output.sha256}, got {found.sha256}"
    return None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
