"""What custom resource does a row get, and what is read from one that somebody applied?"""

from __future__ import annotations

from typing import Any

import pytest

from regen_core.canonical import instruction_digest
from regen_core.errors import ValidationFailed
from regen_operator.mirror.resource import IngestArguments, build_custom, read_arguments
from tests.unit.operator.values import row

INSTRUCTION = {"type": "document", "version": 1, "inputs": {"title": "T"}}


def applied(name: str = "mine", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "team"},
        "spec": {"type": "document", "instruction": INSTRUCTION, **spec},
    }


def test_the_whole_custom_resource_of_a_row() -> None:
    assert build_custom(row(priority=7, retry_of="b"), INSTRUCTION, "regen") == {
        "apiVersion": "regeneration.dev/v1alpha1",
        "kind": "RegenerationJob",
        "metadata": {
            "name": "regen-a",
            "namespace": "regen",
            "labels": {
                "app.kubernetes.io/managed-by": "regen-operator",
                "regeneration.dev/job-id": "a",
                "regeneration.dev/type": "document",
            },
            "annotations": {"regeneration.dev/job-id": "a"},
        },
        "spec": {
            "type": "document",
            "instruction": INSTRUCTION,
            "instructionDigest": instruction_digest(INSTRUCTION),
            "priority": 7,
            "retryOf": "b",
        },
    }


def test_a_large_instruction_leaves_its_digest() -> None:
    large = {**INSTRUCTION, "inputs": {"title": "x" * 16 * 1024}}
    built = build_custom(row(), large, "regen")
    assert built is not None
    assert built["spec"] == {"type": "document", "instructionDigest": instruction_digest(large), "priority": 0}


def test_a_type_that_no_custom_resource_can_hold_has_none() -> None:
    assert build_custom(row(type="Not A Type"), INSTRUCTION, "regen") is None
    assert build_custom(row(type=None), INSTRUCTION, "regen") is None


def test_a_type_that_no_label_can_hold_has_no_label() -> None:
    built = build_custom(row(type="a_"), INSTRUCTION, "regen")
    assert built is not None
    assert "regeneration.dev/type" not in built["metadata"]["labels"]


def test_what_is_read_from_an_application() -> None:
    assert read_arguments(applied(priority=3, retryOf="b"), "prod") == IngestArguments(
        instruction=INSTRUCTION, priority=3, requested_by="cr:team", key="cr:prod/team/mine", retry_of="b"
    )


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (applied(instruction=None), "spec.instruction must be an object"),
        (applied(type="export"), "spec.type must be"),
        (applied(instructionDigest="0" * 64), "spec.instructionDigest must be"),
        (applied(instruction={**INSTRUCTION, "inputs": {"x": "y" * 70_000}}), "spec.instruction must have at most 65536 bytes"),
        (applied(instruction={**INSTRUCTION, "inputs": {"x": 2**60}}), "instruction: "),
    ],
)
def test_what_is_no_application_is_refused_by_field(body: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationFailed, match=f"^{named}"):
        read_arguments(body, "prod")


def test_a_job_that_will_fail_is_an_application_all_the_same() -> None:
    unknown = {"type": "poem", "version": 9, "inputs": 3}
    assert read_arguments(applied(type="poem", instruction=unknown), "prod").instruction == unknown
