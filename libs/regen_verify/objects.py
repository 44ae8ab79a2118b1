"""Check a job's stored objects against its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from regen_core.canonical import instruction_digest, sha256_hex
from regen_core.errors import ValidationFailed
from regen_core.manifest import ProvenanceObject
from regen_core.names import PROVENANCE_NAME
from regen_core.provenance import SourceDigest, differences, parse_bundle
from regen_core.states import JobStatus
from regen_verify.records import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_core.manifest import OutputRow
    from regen_verify.records import JobRecord, ObjectRecord, Snapshot

_RESTORE: Final = (
    "restore the object's first version (bucket versioning), and find out who has write or delete access. A new job "
    "recreates the output: `regen trigger --retry-of`"
)
_COMPARE_PROVENANCE: Final = (
    "compare provenance, manifest and rows: one of them changed after the job completed. `regen verify --key` checks the "
    "signature, which shows whether it was the provenance"
)
_COMPARE: Final = "compare the manifest with the rows: one of them changed after the job completed"


def stored(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """Manifest and outputs exist where the rows say, with the recorded size and digest."""
    del snapshot
    if job.objects is None or job.status is not JobStatus.COMPLETED or job.ended_before_regen:
        return
    if job.output_ref is not None and job.output_ref not in job.objects.found:
        yield Violation(Invariant.OBJECTS, job.id, f"the manifest {job.output_ref} is missing", _RESTORE)
    for output in job.outputs:
        found = job.objects.found.get(output.ref)
        problem = "the object is missing" if found is None else _difference(output, found)
        if problem:
            yield Violation(Invariant.OBJECTS, job.id, f"output {output.name} at {output.ref}: {problem}", _RESTORE)


def manifest(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """The manifest lists this job, this instruction and these outputs."""
    del snapshot
    if job.objects is None or job.objects.manifest is None or job.status is not JobStatus.COMPLETED:
        return
    content = parse_manifest(job.objects.manifest)
    if content is None:
        yield Violation(Invariant.MANIFEST, job.id, "the manifest is not a JSON object", _COMPARE)
        return
    for field, wanted in _fields_from_rows(job).items():
        if content.get(field) != wanted:
            message = f"manifest field {field} is {_short(content.get(field))}, but the database has {_short(wanted)}"
            yield Violation(Invariant.MANIFEST, job.id, message, _COMPARE)


def provenance(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """The provenance is the one that the manifest lists, and matches manifest and instruction.

    Signatures are checked elsewhere.
    """
    del snapshot
    if job.objects is None or job.objects.manifest is None or job.status is not JobStatus.COMPLETED:
        return
    content = parse_manifest(job.objects.manifest) or {}
    found = job.objects.provenance
    if found is None:
        return
    sources = None if job.instruction is None else sources_of(job.instruction)
    for message in provenance_faults(content, found, sources):
        yield Violation(Invariant.PROVENANCE, job.id, f"provenance: {message}", _COMPARE_PROVENANCE)


def sources_of(instruction: Any) -> list[SourceDigest]:
    """Return the sources of an instruction; none if it is malformed."""
    try:
        return [SourceDigest(one["name"], one["uri"], one["sha256"]) for one in instruction.get("sources", ())]
    except (AttributeError, KeyError, TypeError):
        return []


def provenance_faults(content: dict[str, Any], found: bytes, sources: list[SourceDigest] | None) -> Iterator[str]:
    """Yield what is wrong with a provenance beside a manifest.

    Args:
        content: the manifest's JSON value.
        found: the provenance's bytes; empty if it is missing.
        sources: the instruction's sources; None if unknown.
    """
    named = content.get("provenance")
    if named is None:
        if found:
            yield "there is one, but the manifest lists none"
        return
    if not found:
        yield f"{PROVENANCE_NAME} is missing beside the manifest"
        return
    wanted = ProvenanceObject(PROVENANCE_NAME, sha256_hex(found), len(found)).as_json()
    if named != wanted:
        yield f"it is {_short(wanted)}, but the manifest lists {_short(named)}"
    try:
        envelope = parse_bundle(found)
        yield from differences(envelope.statement, content, sources)
    except (ValueError, KeyError, TypeError) as error:
        yield str(error)


def parse_manifest(content: bytes) -> dict[str, Any] | None:
    """Return the manifest's JSON object; None if it is malformed."""
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _fields_from_rows(job: JobRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "jobId": job.id,
        "type": job.type,
        "artifacts": [output.as_json() for output in sorted(job.outputs, key=lambda output: output.name)],
    }
    if job.instruction is not None:
        try:
            fields["instructionSha256"] = instruction_digest(job.instruction)
        except ValidationFailed:
            fields["instructionSha256"] = "not computable: RFC 8785 cannot express the instruction"
    return fields


def _difference(output: OutputRow, found: ObjectRecord) -> str | None:
    if found.size_bytes != output.size_bytes:
        return f"the object has {found.size_bytes} bytes, but the database recorded {output.size_bytes}"
    if found.sha256 is not None and found.sha256 != output.sha256:
        return f"the object has SHA-256 {found.sha256}, but the database recorded {output.sha256}"
    return None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
