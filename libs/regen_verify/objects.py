"""Checks over a job's objects in the store, against its rows."""

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
    "restore the object's first version (bucket versioning), and find out who may write or delete there; a new job makes "
    "the output anew: `regen trigger --retry-of`"
)
_COMPARE_PROVENANCE: Final = (
    "compare provenance, manifest and rows: one of them was changed after the job completed; a signature, which "
    "`regen verify --key` checks, tells whether it was the provenance"
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
    content = parse_manifest(job.objects.manifest)
    if content is None:
        yield Violation(Invariant.MANIFEST, job.id, "manifest: expected a JSON object, got something else", _COMPARE)
        return
    for field, wanted in _said_by_rows(job).items():
        if content.get(field) != wanted:
            message = (
                f"manifest field {field}: expected {_short(wanted)} as the database says, got {_short(content.get(field))}"
            )
            yield Violation(Invariant.MANIFEST, job.id, message, _COMPARE)


def provenance(job: JobRecord, snapshot: Snapshot) -> Iterator[Violation]:
    """The provenance is the one that the manifest names, and says what manifest and instruction say.

    Manifests of releases that made no provenance name none. A signature is not looked at here.
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
    """The sources that an instruction names; none where it is no instruction of ours."""
    try:
        return [SourceDigest(one["name"], one["uri"], one["sha256"]) for one in instruction.get("sources", ())]
    except (AttributeError, KeyError, TypeError):
        return []


def provenance_faults(content: dict[str, Any], found: bytes, sources: list[SourceDigest] | None) -> Iterator[str]:
    """What is wrong with the provenance ``found`` (empty: there is none) beside a manifest, in words.

    Args:
        content: the manifest's JSON value.
        found: the provenance's bytes.
        sources: the instruction's; None where it is not known.
    """
    named = content.get("provenance")
    if named is None:
        if found:
            yield "expected none beside a manifest that names none, got one"
        return
    if not found:
        yield f"expected an object {PROVENANCE_NAME} beside the manifest, got none"
        return
    wanted = ProvenanceObject(PROVENANCE_NAME, sha256_hex(found), len(found)).as_json()
    if named != wanted:
        yield f"expected {_short(named)} as the manifest says, got {_short(wanted)}"
    try:
        envelope = parse_bundle(found)
        yield from differences(envelope.statement, content, sources)
    except (ValueError, KeyError, TypeError) as error:
        yield str(error)


def parse_manifest(content: bytes) -> dict[str, Any] | None:
    """The manifest's JSON object; None where it is none."""
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


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
