"""Is an object that is not what the rows say found, and a manifest that says something else?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regen_core.invariants import Invariant, JobObjects, ObjectRecord, check
from regen_core.states import JobStatus
from tests.unit.core.invariants.lives import FOLDER, job, objects, output, snapshot

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
    assert message.endswith("got none")


def test_an_object_of_another_size() -> None:
    held = FOUND | {f"{FOLDER}a.pdf": ObjectRecord(4, "a" * 64)}
    assert found(JobObjects(held, MANIFEST)) == [(Invariant.OBJECTS, f"output a.pdf at {FOLDER}a.pdf: expected 5 bytes, got 4")]


def test_an_object_of_other_bytes() -> None:
    held = FOUND | {f"{FOLDER}a.pdf": ObjectRecord(5, "c" * 64)}
    assert found(JobObjects(held, MANIFEST)) == [
        (Invariant.OBJECTS, f"output a.pdf at {FOLDER}a.pdf: expected SHA-256 {'a' * 64}, got {'c' * 64}")
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
    assert message.startswith(f"manifest field {next(iter(change))}: expected")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_manifest_that_is_none(content: bytes) -> None:
    assert found(JobObjects(FOUND, content)) == [(Invariant.MANIFEST, "manifest: expected a JSON object, got something else")]


def test_an_instruction_that_was_not_read_is_not_compared() -> None:
    record = replace(COMPLETED, instruction=None, objects=objects(COMPLETED, instructionSha256="0" * 64))
    assert check(snapshot(record)) == []


def test_an_instruction_that_has_no_canonical_form_is_found() -> None:
    record = replace(COMPLETED, instruction={"type": "document", "version": 1, "inputs": {"n": 2**60}})
    assert [one.invariant for one in check(snapshot(record))] == [Invariant.MANIFEST]
