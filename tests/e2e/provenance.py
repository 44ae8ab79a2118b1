"""The signed provenance of a COMPLETED job, read from the store and checked with the stack's key."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from regen_core.provenance import differences, pae, parse_bundle
from regen_demo.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_stack.stack import Stack


def new_key() -> str:
    """An Ed25519 private key (PEM, PKCS #8)."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def signed_statement(stack: Stack, row: Mapping[str, Any]) -> dict[str, Any]:
    """The statement beside the manifest of ``row``; it agrees with the manifest, and the stack's key signed it."""
    objects = Objects(stack.store.output_url, stack.store.admin_environment)
    envelope = parse_bundle(objects.body(row["outputRef"].replace("manifest.json", "provenance.intoto.jsonl")) or b"")
    manifest = json.loads(objects.body(row["outputRef"]) or b"")
    assert differences(envelope.statement, manifest, []) == []
    private = load_pem_private_key((stack.config.signing_key or "").encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    [signature] = envelope.signatures
    private.public_key().verify(base64.b64decode(signature.sig), pae(envelope.payload))
    return dict(envelope.statement)
