"""The provenance of a COMPLETED job: which run produced the outputs, from what, and how (docs/provenance.md).

An in-toto Statement, version 1, with the predicate SLSA Provenance, version 1, in a DSSE envelope, version 1: the one line of a
bundle (in-toto Attestation Framework, "Bundle layer specification"). Signing and verifying are elsewhere.

The statement is a pure function of the manifest, the sources and the settings, so that a repeated publish writes equal bytes.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from regen_core.canonical import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MEDIA_TYPE: Final = "application/vnd.in-toto.bundle"
BUILD_TYPE: Final = "https://regeneration.dev/provenance/job/v1"
"""Defines the parameters below; see docs/provenance.md."""

FROM_MANIFEST: Final = (
    "subject",
    "predicate.buildDefinition.externalParameters",
    "predicate.buildDefinition.internalParameters",
    "predicate.runDetails.metadata",
)
"""Dotted paths at which a statement repeats its manifest."""

_KINDS: Final = (PAYLOAD_TYPE, STATEMENT_TYPE, PREDICATE_TYPE, BUILD_TYPE)
_DEPENDENCIES: Final = "predicate.buildDefinition.resolvedDependencies"
_IMAGE_DIGEST: Final = re.compile(r"@sha256:([0-9a-f]{64})$")


@dataclass(frozen=True, slots=True)
class SourceDigest:
    """A source of the instruction: name, URI and verified SHA-256 (64 lower-case hex digits)."""

    name: str
    uri: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Builder:
    """The installation that produced the outputs.

    Attributes:
        id: the URI that identifies this installation to verifiers (SLSA: ``builder.id``).
        image: the image of the pod's containers; None if unknown.
    """

    id: str
    image: str | None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature over ``pae``, in base64. ``keyid`` is a hint at the key."""

    keyid: str
    sig: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope. Without signatures it does not prove who wrote it."""

    payload: bytes
    statement: Mapping[str, Any]
    signatures: tuple[Signature, ...]
    raw: Mapping[str, Any]


def statement(manifest: Mapping[str, Any], sources: Sequence[SourceDigest], builder: Builder) -> dict[str, Any]:
    """Return the statement for a manifest (its JSON value).

    Raises:
        KeyError, TypeError: the manifest is malformed.
    """
    return {
        "_type": STATEMENT_TYPE,
        "subject": [_subject(row) for row in manifest["artifacts"]],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "type": manifest["type"],
                    "instruction": {"digest": {"sha256": manifest["instructionSha256"]}},
                },
                "internalParameters": {
                    "executor": manifest["executor"],
                    "reproducible": manifest["reproducible"],
                    "sandbox": manifest["sandbox"],
                },
                "resolvedDependencies": [*_image(builder.image), *(_source(one) for one in sources)],
            },
            "runDetails": {
                "builder": {"id": builder.id},
                "metadata": {
                    "invocationId": manifest["jobId"],
                    "startedOn": manifest["startedAt"],
                    "finishedOn": manifest["finishedAt"],
                },
            },
        },
    }


def pae(payload: bytes) -> bytes:
    """Return the bytes to sign: DSSE's pre-authentication encoding of an in-toto payload."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def bundle(payload: bytes, signatures: Sequence[Signature]) -> bytes:
    """Return the bundle: one envelope on one line."""
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode("ascii"),
        "signatures": [{"keyid": one.keyid, "sig": one.sig} for one in signatures],
    }
    return canonical_json(envelope) + b"\n"


def parse_bundle(content: bytes) -> Envelope:
    """Parse a bundle of one envelope.

    Raises:
        ValueError: the content is not exactly one DSSE envelope of an in-toto statement.
    """
    try:
        raw = json.loads(content)
        payload = base64.b64decode(raw["payload"], validate=True)
        found = json.loads(payload)
        signatures = tuple(Signature(_text(one["keyid"]), _text(one["sig"])) for one in raw["signatures"])
        kinds = (
            raw["payloadType"],
            found["_type"],
            found["predicateType"],
            found["predicate"]["buildDefinition"]["buildType"],
        )
    except (KeyError, TypeError, AttributeError, RecursionError, ValueError) as error:
        msg = f"not one DSSE envelope of an in-toto statement: {error}"
        raise ValueError(msg) from error
    if kinds != _KINDS:
        msg = f"its types are {', '.join(str(one) for one in kinds)}, not {', '.join(_KINDS)}"
        raise ValueError(msg)
    return Envelope(payload, found, signatures, raw)


def differences(found: Mapping[str, Any], manifest: Mapping[str, Any], sources: Sequence[SourceDigest] | None) -> list[str]:
    """Return the differences between a statement and its manifest and instruction.

    Args:
        found: the statement.
        manifest: the manifest's JSON value.
        sources: the instruction's sources; None to skip them.

    Raises:
        KeyError, TypeError: ``manifest`` is malformed.
    """
    wanted = statement(manifest, sources or (), Builder("", None))
    messages = [
        f"{path} is {_short(at(found, path))}, but the manifest has {_short(at(wanted, path))}"
        for path in FROM_MANIFEST
        if at(found, path) != at(wanted, path)
    ]
    dependencies = at(found, _DEPENDENCIES)
    attested = [one for one in dependencies if not _is_image(one)] if isinstance(dependencies, list) else None
    if sources is not None and attested != at(wanted, _DEPENDENCIES):
        messages.append(f"{_DEPENDENCIES} differs from the instruction's sources: {_short(attested)}")
    return messages


def at(found: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path; None if there is none."""
    value: Any = found
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def without_secrets(uri: str) -> str:
    """Return the URI without user, password, query and fragment, which can contain tokens."""
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _subject(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "uri": row["ref"],
        "digest": {"sha256": row["sha256"]},
        "mediaType": row["mediaType"],
        "annotations": {"sizeBytes": row["sizeBytes"]},
    }


def _image(image: str | None) -> list[dict[str, Any]]:
    if image is None:
        return []
    found = _IMAGE_DIGEST.search(image)
    return [{"name": "image", "uri": image} | ({"digest": {"sha256": found.group(1)}} if found else {})]


def _is_image(dependency: Any) -> bool:
    return isinstance(dependency, dict) and dependency.get("name") == "image"


def _source(source: SourceDigest) -> dict[str, Any]:
    return {"name": f"sources/{source.name}", "uri": without_secrets(source.uri), "digest": {"sha256": source.sha256}}


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        msg = f"{type(value).__name__} in place of a string"
        raise TypeError(msg)
    return value
