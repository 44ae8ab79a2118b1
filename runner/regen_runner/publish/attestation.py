"""The provenance that publish stores before the manifest: made, signed where there is a key, and in its envelope.

cryptography is used as it is: the DSSE module of securesystemslib costs 0.25 s of CPU at import, this 0.08 s. ``regen verify``
checks with securesystemslib, so that two implementations agree on every envelope.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from regen_core.canonical import canonical_json, sha256_hex
from regen_core.errors import SettingsInvalid
from regen_core.provenance import Signature, bundle, pae, statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regen_core.manifest import Manifest
    from regen_core.provenance import Builder, SourceDigest

_MAX_KEY_BYTES: Final = 16 << 10


class _PrivateKey(Protocol):
    def sign(self, data: bytes, /) -> bytes:
        """The 64 bytes of the signature."""
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """An Ed25519 key. ``keyid`` is the SHA-256 of the public key's SubjectPublicKeyInfo (DER), 64 hex digits."""

    key: _PrivateKey
    keyid: str

    def sign(self, content: bytes) -> Signature:
        """Ed25519 draws no random numbers: the same content gives the same signature (RFC 8032)."""
        return Signature(self.keyid, base64.b64encode(self.key.sign(content)).decode("ascii"))


@dataclass(frozen=True, slots=True)
class Attestor:
    """Makes a job's provenance. Without a signer its envelope has no signature, and proves nothing of who wrote it."""

    builder: Builder
    sources: Sequence[SourceDigest]
    signer: Signer | None

    def bundle(self, manifest: Manifest) -> bytes:
        """The bytes of the provenance's object; the same for the same manifest."""
        payload = canonical_json(statement(manifest.as_json(), self.sources, self.builder))
        signatures = () if self.signer is None else (self.signer.sign(pae(payload)),)
        return bundle(payload, signatures)


def load_signer(path: Path) -> Signer:
    """The signer whose key is in the file.

    Raises:
        SettingsInvalid: it cannot be read, or is no Ed25519 key in PEM without a password; nothing of it is shown.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only where there is a key
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    expected = "REGEN_SIGNING_KEY_FILE: expected a PEM file with an Ed25519 private key (PKCS #8) without a password"
    try:
        with path.open("rb") as file:
            key = serialization.load_pem_private_key(file.read(_MAX_KEY_BYTES), password=None)
    except OSError as error:
        raise SettingsInvalid(f"{expected}, got {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsInvalid(f"{expected}, got another file") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsInvalid(f"{expected}, got a key of another kind")
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Signer(key, sha256_hex(public))
