"""Builds custom resources from rows, reads rows from custom resources, and builds Events. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.canonical import canonical_json, sha256_hex
from regen_core.errors import ValidationFailed
from regen_core.names import (
    ANNOTATION_JOB_ID,
    API_VERSION,
    KIND,
    LABEL_JOB_ID,
    LABEL_MANAGED_BY,
    LABEL_TYPE,
    MANAGED_BY,
    NAME_PREFIX,
    ingest_key,
    ingest_requester,
    is_type,
    job_name,
    label_value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regen_operator.rows.values import JobRow

Json = dict[str, Any]

MIRRORED_BYTES: Final = 16 * 1024
INGESTED_BYTES: Final = 64 * 1024
_LABEL = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?", re.IGNORECASE)


def read_instruction(text: str) -> Any:
    """The JSON value in ``text``, an ``instructionJson`` as the database writes it.

    Raises:
        ValidationFailed: it has an integer of thousands of digits or is nested too deep for Python's parser.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"instruction cannot be parsed ({type(error).__name__})"
        raise ValidationFailed(msg) from error


def build_custom(row: JobRow, instruction: Any, namespace: str) -> Json | None:
    """The custom resource of a row; None for a type that the custom resource definition does not allow."""
    if row.type is None or not is_type(row.type):
        return None
    content = canonical_json(instruction)
    spec: Json = {"type": row.type, "instructionDigest": sha256_hex(content), "priority": row.priority}
    if len(content) <= MIRRORED_BYTES and isinstance(instruction, dict) and len(instruction) <= 64:
        spec["instruction"] = instruction
    if row.retry_of:
        spec["retryOf"] = row.retry_of
    labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_JOB_ID: label_value(row.id)}
    if _LABEL.fullmatch(row.type):
        labels[LABEL_TYPE] = row.type
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": job_name(row.id),
            "namespace": namespace,
            "labels": labels,
            "annotations": {ANNOTATION_JOB_ID: row.id},
        },
        "spec": spec,
    }


@dataclass(frozen=True, slots=True)
class IngestArguments:
    """The arguments of ``regen_ingest_v1`` for a user-created resource.

    Attributes:
        instruction: ``spec.instruction``.
        priority: ``spec.priority``.
        requested_by: ``cr:`` and the namespace.
        key: the idempotency key, from cluster, namespace and name.
        retry_of: ``spec.retryOf``.
    """

    instruction: Json
    priority: int
    requested_by: str
    key: str
    retry_of: str | None


def read_arguments(body: Mapping[str, Any], cluster: str) -> IngestArguments:
    """The arguments of ``regen_ingest_v1`` from a user-created resource.

    An unknown type or invalid inputs are not refused here: they create a job that ends FAILED, as from any other caller
    (docs/contract.md#instruction).

    Raises:
        ValidationFailed: the instruction is missing, too large, or contradicts ``type`` or ``instructionDigest``.
    """
    metadata, spec = body["metadata"], body.get("spec") or {}
    instruction = spec.get("instruction")
    if not isinstance(instruction, dict):
        raise ValidationFailed("spec.instruction must be an object")
    content = canonical_json(instruction)
    if len(content) > INGESTED_BYTES:
        raise ValidationFailed(f"spec.instruction must have at most {INGESTED_BYTES} bytes, but has {len(content)}")
    if instruction.get("type") != spec.get("type"):
        raise ValidationFailed(
            f"spec.type must be the instruction's type {instruction.get('type')!r}, but is {spec.get('type')!r}"
        )
    digest = sha256_hex(content)
    if spec.get("instructionDigest") not in {None, digest}:
        raise ValidationFailed(f"spec.instructionDigest must be {digest}, but is {spec['instructionDigest']}")
    namespace, name = metadata["namespace"], metadata["name"]
    return IngestArguments(
        instruction=instruction,
        priority=int(spec.get("priority") or 0),
        requested_by=ingest_requester(namespace),
        key=ingest_key(cluster, namespace, name),
        retry_of=spec.get("retryOf"),
    )


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource that an Event is about."""

    namespace: str
    name: str
    uid: str


def build_event(owner: Owner, *, reason: str, message: str, at: datetime) -> Json:
    """A core/v1 Event of type Warning. Owner and reason fix its name, so repeating the create adds no second one."""
    when = f"{at.isoformat(timespec='seconds')}Z"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{owner.name}.{reason.lower()}.{owner.uid[:8]}", "namespace": owner.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": owner.namespace,
            "name": owner.name,
            "uid": owner.uid,
        },
        "type": "Warning",
        "reason": reason,
        "message": message[:1024],
        "source": {"component": MANAGED_BY},
        "reportingComponent": MANAGED_BY,
        "reportingInstance": "",
        "firstTimestamp": when,
        "lastTimestamp": when,
        "count": 1,
    }


def is_reserved(name: str) -> bool:
    """Whether only the operator may create a resource of this name."""
    return name.startswith(NAME_PREFIX)
