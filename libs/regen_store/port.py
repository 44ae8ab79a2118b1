"""The port for writing: each object is put once and never replaced (rule R4). ``write_file`` and ``write_s3`` implement it."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from regen_core.errors import OutputExists, OutputRefused
from regen_store.location import is_key

PROBE_KEY: Final = ".regen-probe"
"""The one object, beneath the prefix, on which every start-up tries the condition; credentials cannot delete it."""

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What lies at a key: its size in bytes and its SHA-256 (64 lower-case hex digits)."""

    size_bytes: int
    sha256: str


class Store(Protocol):
    """Where artifacts lie. Every call ends in bounded time and may be repeated; no call ever replaces or removes an object.

    Raises, from every method: ``StoreUnavailable`` where the same call may be tried again, ``StoreDenied`` where it may
    not.
    """

    def probe(self) -> None:
        """Finds out by trial whether the store honours "only if absent".

        Raises:
            StoreUnsafe: it does not; nothing may be written.
        """
        ...

    def put(self, key: str, body: bytes | BinaryIO, sha256: str, media_type: str) -> str:
        """Creates the object at ``key`` and answers its URL; our own bytes already there are a success too.

        Args:
            key: segments as ``is_key`` allows, beneath the store's prefix.
            body: bytes, or a seekable binary file that is read from its start, more than once if need be.
            sha256: of the body, 64 lower-case hex digits.
            media_type: kept where the store can.

        Raises:
            OutputExists: other bytes lie there.
            OutputRefused: the body's bytes have another digest.
        """
        ...

    def head(self, key: str) -> StoredObject | None:
        """What lies at ``key``; None where nothing does, or nothing that our credentials may see."""
        ...

    def url(self, key: str) -> str:
        """The object's URL, whether it exists or not."""
        ...


def checked_key(key: str) -> str:
    """``key`` itself.

    Raises:
        OutputRefused: it is no key. A job id may hold any text, and none may lead out of the prefix.
    """
    if not is_key(key):
        msg = f"store key: expected printable segments of at most 255 bytes without . and .., got {key!a}"
        raise OutputRefused(msg)
    return key


def as_file(body: bytes | BinaryIO) -> BinaryIO:
    """The body as a file, at its start."""
    if isinstance(body, bytes):
        return io.BytesIO(body)
    body.seek(0)
    return body


def measure(file: BinaryIO) -> StoredObject:
    """Size and digest of what is left to read in ``file``, read block by block."""
    digest = hashlib.sha256()
    size = 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return StoredObject(size, digest.hexdigest())


def wrong_digest(key: str, sha256: str) -> OutputRefused:
    """The error for a body whose bytes are not those announced."""
    return OutputRefused(f"output {key}: expected bytes with SHA-256 {sha256}, got others", key=key)


def other_bytes(key: str, expected: str, found: str | None) -> OutputExists:
    """The error for a key that other bytes have taken."""
    msg = f"output {key}: expected nothing or our own bytes at this key, got other bytes"
    return OutputExists(msg, key=key, expected=expected, found=found)
