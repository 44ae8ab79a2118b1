"""Is an object that is not what the rows say found, and a manifest or a provenance that says something else?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regen_core.canonical import canonical_json, instruction_digest, sha256_hex
from regen_core.manifest import ProvenanceObject
from regen_core.names import PROVENANCE_NAME
from regen_core.provenance import Builder, SourceDigest, bundle, statement
from regen_core.states import JobStatus
from regen_verify import Invariant, JobObjects, ObjectRecord, check
from tests.unit.verify.lives import FOLDER, INSTRUCTION, job, objects, output, snapshot

COMPLETED = job(JobStatus.COMPLETED)
assert COMPLETED.objects is not None
FOUND = dict(COMPLETED.objects.found)
MANIFEST = COMPLETED.objects.manifest


def found(held: JobObjects | None) -> list[tuple[Invariant, str]]:
    return [(one.invariant, one.message) for one in check(snapshot(replace(COMPLETED, objects=held)))]


def test_a_store_that_was_not_looked_at_is_not_judged() -> None:
    assert found(None) == []


@pytest.mark.parametrize("name", ["a.pdf", "b.txt", "manifest.json"])
def test_a_missing_object(name: str) -> None:
    held = {ref: one for ref, one in FOUND.items() if ref != FOLDER + name}
    [(invariant, message)] = found(JobObjects(held, MANIFEST))
    assert invariant is Invariant.OBJECTS
    assert name in message
    assert message.endswith("is missing")


def test_an_object_of_another_size() -> None:
    held = FOUND | {f"{FOLDER}a.pdf": ObjectRecord(4, "a" * 64)}
    assert found(JobObjects(held, MANIFEST)) == [
        (Invariant.OBJECTS, f"output a.pdf at {FOLDER}a.pdf: the object has 4 bytes, but the database recorded 5")
    ]


def test_an_object_of_other_bytes() -> None:
    held = FOUND | {f"{FOLDER}a.pdf": ObjectRecord(5, "c" * 64)}
    assert found(JobObjects(held, MANIFEST)) == [
        (
            Invariant.OBJECTS,
            f"output a.pdf at {FOLDER}a.pdf: the object has SHA-256 {'c' * 64}, but the database recorded {'a' * 64}",
        )
    ]


def test_bytes_that_were_not_read_are_not_judged() -> None:
    assert found(JobObjects({ref: ObjectRecord(one.size_bytes) for ref, one in FOUND.items()})) == []


@pytest.mark.parametrize(
    "change",
    [
        {"jobId": "k"},
        {"type": "export"},
        {"instructionSha256": "0" * 64},
        {"artifacts": []},
        {"artifacts": [output("b.txt", "b").as_json(), output("a.pdf").as_json()]},
        {"artifacts": None},
    ],
)
def test_a_manifest_that_says_something_else(change: dict[str, Any]) -> None:
    [(invariant, message)] = found(objects(COMPLETED, **change))
    assert invariant is Invariant.MANIFEST
    assert message.startswith(f"manifest field {next(iter(change))} is ")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_manifest_that_is_none(content: bytes) -> None:
    assert found(JobObjects(FOUND, content)) == [(Invariant.MANIFEST, "the manifest is not a JSON object")]


def test_an_instruction_that_was_not_read_is_not_compared() -> None:
    record = replace(COMPLETED, instruction=None, objects=objects(COMPLETED, instructionSha256="0" * 64))
    assert check(snapshot(record)) == []


def test_an_instruction_that_has_no_canonical_form_is_found() -> None:
    record = replace(COMPLETED, instruction={"type": "document", "version": 1, "inputs": {"n": 2**60}})
    assert [one.invariant for one in check(snapshot(record))] == [Invariant.MANIFEST]


MANIFEST_JSON: dict[str, Any] = {
    "jobId": "j",
    "type": "document",
    "instructionSha256": instruction_digest(INSTRUCTION),
    "executor": {"name": "document", "version": "1"},
    "reproducible": True,
    "sandbox": {"seccomp": True},
    "startedAt": "2026-01-01T00:00:00.000Z",
    "finishedAt": "2026-01-01T00:00:01.000Z",
    "artifacts": [one.as_json() for one in COMPLETED.outputs],
}


def attested(content: bytes | None, named: bytes | None, **manifest: Any) -> JobObjects:
    """What lies in the store where the manifest names the provenance ``named`` and ``content`` is found."""
    name = {} if named is None else {"provenance": ProvenanceObject(PROVENANCE_NAME, sha256_hex(named), len(named)).as_json()}
    held = objects(COMPLETED, **(MANIFEST_JSON | manifest | name))
    return replace(held, provenance=content)


def provenance(manifest: dict[str, Any] = MANIFEST_JSON, sources: tuple[SourceDigest, ...] = ()) -> bytes:
    return bundle(canonical_json(statement(manifest, sources, Builder("https://b.example", "runner:1"))), ())


def test_the_provenance_of_a_whole_job() -> None:
    assert found(attested(provenance(), provenance())) == []


@pytest.mark.parametrize("content", [b"", None])
def test_a_manifest_of_a_release_without_provenance(content: bytes | None) -> None:
    assert found(attested(content, None)) == []


def test_a_provenance_that_was_not_read_is_not_judged() -> None:
    assert found(attested(None, provenance())) == []


@pytest.mark.parametrize(
    ("content", "named", "message"),
    [
        (b"", provenance(), "provenance.intoto.jsonl is missing beside the manifest"),
        (provenance(), None, "there is one, but the manifest lists none"),
        (provenance(), b"other", ", but the manifest lists "),
        (b"{}", b"{}", "not one DSSE envelope of an in-toto statement: 'payload'"),
        (b"[]\n", b"[]\n", "not one DSSE envelope"),
        (b"\xff", b"\xff", "not one DSSE envelope"),
        (provenance() * 2, provenance() * 2, "Extra data"),
    ],
)
def test_a_provenance_that_is_none(content: bytes, named: bytes | None, message: str) -> None:
    violations = found(attested(content, named))
    assert [invariant for invariant, _ in violations] == [Invariant.PROVENANCE]
    assert message in violations[0][1]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"jobId": "k"}, "predicate.runDetails.metadata"),
        ({"finishedAt": "2026-01-01T00:00:02.000Z"}, "predicate.runDetails.metadata"),
        ({"executor": {"name": "document", "version": "2"}}, "predicate.buildDefinition.internalParameters"),
        ({"sandbox": {"seccomp": False}}, "predicate.buildDefinition.internalParameters"),
        ({"reproducible": False}, "predicate.buildDefinition.internalParameters"),
        ({"instructionSha256": "0" * 64}, "predicate.buildDefinition.externalParameters"),
        ({"artifacts": []}, "subject"),
    ],
)
def test_a_provenance_that_says_something_else(change: dict[str, Any], path: str) -> None:
    content = provenance(MANIFEST_JSON | change)
    [(invariant, message)] = found(attested(content, content))
    assert invariant is Invariant.PROVENANCE
    assert message.startswith(f"provenance: {path} is ")


def test_a_provenance_of_other_sources() -> None:
    content = provenance(sources=(SourceDigest("a", "https://example.com/a", "0" * 64),))
    [(_, message)] = found(attested(content, content))
    assert "differs from the instruction's sources" in message
