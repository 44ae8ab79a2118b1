"""Check the signature of a provenance, with another implementation than the signer's."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from regen_core.canonical import sha256_hex
from regen_core.errors import SettingsInvalid, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from securesystemslib.signer import Key  # type: ignore[attr-defined] # exported without saying so

    from regen_core.provenance import Envelope

_MAX_KEY_BYTES = 16 << 10


class Trust(StrEnum):
    """Result of checking a provenance's signature."""

    MISSING = "missing"
    """There is no provenance."""
    UNSIGNED = "unsigned"
    """There is no signature: anyone with write access to the store can have written the provenance."""
    UNCHECKED = "unchecked"
    """There is a signature, and no key to check it with."""
    INVALID = "invalid"
    """No signature over these bytes is by a given key."""
    VALID = "valid"
    """One of the given keys signed these bytes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A signature check. ``keyid`` is the signer's key: verified if ``trust`` is valid, claimed if unchecked or invalid."""

    trust: Trust
    keyid: str | None = None


def load_keys(paths: Sequence[Path]) -> list[Key]:
    """Load the public keys in the files.

    Raises:
        ValidationFailed: a file is not an Ed25519 public key in PEM. Private keys are refused.
        SettingsInvalid: securesystemslib is not installed.
    """
    if not paths:
        return []
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - import only what this command uses
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
        from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined] # noqa: PLC0415
    except ImportError as error:
        msg = "--key: securesystemslib is not installed. Install regen[provenance]."
        raise SettingsInvalid(msg) from error
    keys: list[Key] = []
    for path in paths:
        refused = f"--key: {path} is not a PEM file with an Ed25519 public key"
        try:
            with path.open("rb") as file:
                key = serialization.load_pem_public_key(file.read(_MAX_KEY_BYTES))
        except OSError as error:
            raise ValidationFailed(f"--key: cannot read {path}: {error.strerror}") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValidationFailed(refused) from error
        if not isinstance(key, Ed25519PublicKey):
            raise ValidationFailed(refused)
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys.append(SSlibKey.from_crypto(key, keyid=sha256_hex(der)))
    return keys


def judge(envelope: Envelope | None, keys: Sequence[Key]) -> Verdict:
    """Check the signatures of ``envelope``; None means that there is no provenance."""
    if envelope is None:
        return Verdict(Trust.MISSING)
    if not envelope.signatures:
        return Verdict(Trust.UNSIGNED)
    claimed = envelope.signatures[0].keyid
    if not keys:
        return Verdict(Trust.UNCHECKED, claimed)
    accepted = _accepted(envelope.raw, keys)
    return Verdict(Trust.INVALID, claimed) if accepted is None else Verdict(Trust.VALID, accepted)


def _accepted(raw: Any, keys: Sequence[Key]) -> str | None:
    from securesystemslib.dsse import Envelope  # noqa: PLC0415
    from securesystemslib.exceptions import Error  # noqa: PLC0415

    try:
        found = Envelope.from_dict(copy.deepcopy(raw)).verify(list(keys), 1)
    except (Error, ValueError, KeyError, TypeError):
        return None
    return next(iter(found))
