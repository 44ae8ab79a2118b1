"""Canonical JSON (RFC 8785) and its digest (rule R11)."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from regen_core.errors import ValidationFailed


def canonical_json(value: Any) -> bytes:
    """Return ``value`` as canonical JSON, UTF-8.

    Raises:
        ValidationFailed: a number beyond IEEE 754 doubles or 2^53, a key that is not a string, or a lone surrogate.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        msg = f"instruction: expected a value that RFC 8785 can express, got one that it cannot ({error})"
        raise ValidationFailed(msg) from error


def sha256_hex(content: bytes) -> str:
    """The SHA-256 digest of ``content``: 64 lower-case hex digits."""
    return hashlib.sha256(content).hexdigest()


def instruction_digest(instruction: Any) -> str:
    """The digest of an instruction's canonical form: 64 lower-case hex digits."""
    return sha256_hex(canonical_json(instruction))
