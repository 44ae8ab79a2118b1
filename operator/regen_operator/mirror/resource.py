"""Custom resources: those that we make from rows, and those from which rows are made. Pure."""

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
HAND_MADE_BYTES: Final = 64 * 1024
_LABEL = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?", re.IGNORECASE)


def read_instruction(text: str) -> Any:
    """The JSON value in ``text``, an ``instructionJson`` as the database writes it.

    Raises:
        ValidationFailed: it holds an integer of thousands of digits or is nested too deep for Python's parser.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"instruction: expected a value that can be read, got one that cannot ({type(error).__name__})"
        raise ValidationFailed(msg) from error


def build_custom(row: JobRow, instruction: Any, namespace: str) -> Json | None:
    """The custom resource of a row; None for a type that the custom resource definition cannot hold."""
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
class Application:
    """What ``regen_ingest_v1`` is asked for a custom resource made by hand."""

    instruction: Json
    priority: int
    requested_by: str
    key: str
    retry_of: str | None


def read_application(body: Mapping[str, Any], cluster: str) -> Application:
    """The application in a custom resource made by hand.

    Only what makes it no application is refused here. An unknown type or wrong inputs make a job that ends FAILED, as
    anybody else's would (docs/contract.md#instruction).

    Raises:
        ValidationFailed: the instruction is missing, too large, or not what type and digest beside it say.
    """
    metadata, spec = body["metadata"], body.get("spec") or {}
    instruction = spec.get("instruction")
    if not isinstance(instruction, dict):
        raise ValidationFailed("spec.instruction: expected an object")
    content = canonical_json(instruction)
    if len(content) > HAND_MADE_BYTES:
        raise ValidationFailed(f"spec.instruction: expected {HAND_MADE_BYTES} bytes at the most, got {len(content)}")
    if instruction.get("type") != spec.get("type"):
        raise ValidationFailed(
            f"spec.type: expected the instruction's type {instruction.get('type')!r}, got {spec.get('type')!r}"
        )
    digest = sha256_hex(content)
    if spec.get("instructionDigest") not in {None, digest}:
        raise ValidationFailed(f"spec.instructionDigest: expected {digest}, got {spec['instructionDigest']}")
    namespace, name = metadata["namespace"], metadata["name"]
    return Application(
        instruction=instruction,
        priority=int(spec.get("priority") or 0),
        requested_by=ingest_requester(namespace),
        key=ingest_key(cluster, namespace, name),
        retry_of=spec.get("retryOf"),
    )


def again(body: Mapping[str, Any]) -> Json:
    """The same object without its status and what the API server added: to be made again after its deletion."""
    metadata = body["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if key in metadata}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": kept, "spec": body["spec"]}


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that an Event is about."""

    namespace: str
    name: str
    uid: str


def build_event(owner: Owner, *, reason: str, message: str, at: datetime) -> Json:
    """A core/v1 Event of type Warning. Its name is fixed by owner and reason, so that saying it again makes no second."""
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
    """Whether only the operator may use this name."""
    return name.startswith(NAME_PREFIX)
