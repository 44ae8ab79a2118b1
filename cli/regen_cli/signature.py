"""Checking a provenance's signature, with another implementation than the one that made it."""

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
    """What is known of who wrote a provenance."""

    MISSING = "missing"
    """There is no provenance: the job is older than the release that began to make one."""
    UNSIGNED = "unsigned"
    """It carries no signature, and whoever can write the store can have written it."""
    UNCHECKED = "unchecked"
    """It carries a signature, and no key was given to check it with."""
    INVALID = "invalid"
    """None of its signatures is by a given key over these bytes."""
    VALID = "valid"
    """One of the given keys signed these bytes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``keyid`` names the key that signed: checked where ``trust`` is valid, claimed where it is unchecked or invalid."""

    trust: Trust
    keyid: str | None = None


def load_keys(paths: Sequence[Path]) -> list[Key]:
    """The public keys in the files.

    Raises:
        ValidationFailed: one is no Ed25519 public key in PEM; the private one is refused too.
        SettingsInvalid: securesystemslib is not installed.
    """
    if not paths:
        return []
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - start only what this command uses
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
        from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined] # noqa: PLC0415
    except ImportError as error:
        msg = "--key: expected securesystemslib to be installed, which checks signatures; install regen[provenance]"
        raise SettingsInvalid(msg) from error
    keys: list[Key] = []
    for path in paths:
        expected = f"--key: expected a PEM file with an Ed25519 public key at {path}"
        try:
            with path.open("rb") as file:
                key = serialization.load_pem_public_key(file.read(_MAX_KEY_BYTES))
        except OSError as error:
            raise ValidationFailed(f"{expected}, got {error.strerror}") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValidationFailed(f"{expected}, got another file") from error
        if not isinstance(key, Ed25519PublicKey):
            raise ValidationFailed(f"{expected}, got a key of another kind")
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys.append(SSlibKey.from_crypto(key, keyid=sha256_hex(der)))
    return keys


def judge(envelope: Envelope | None, keys: Sequence[Key]) -> Verdict:
    """What the signatures of ``envelope`` are worth; None where there is no provenance."""
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
