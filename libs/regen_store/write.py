"""The port of the stores: put once, never over (rule R4). ``store_file`` and ``store_s3`` are its two implementations."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Final, Protocol

from regen_core.errors import Classification, OutputExists, OutputRefused, RegenError, SettingsInvalid
from regen_store.location import is_key, parse_location

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBE_KEY: Final = ".regen-probe"
"""The one object, beneath the prefix, on which every start-up tries the condition; credentials cannot delete it."""

_BLOCK: Final = 1 << 20


class StoreDenied(RegenError):
    """The store answered and will answer the same again: a wrong bucket, credential or policy."""

    classification: ClassVar[Classification] = Classification.INTERNAL
    reason = "StoreDenied"


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


def open_store(url: str, environ: Mapping[str, str]) -> Store:
    """The store that ``REGEN_OUTPUT_URL`` names; no connection is made.

    Args:
        url: ``s3://bucket/prefix`` or ``file:///folder``.
        environ: for the ``AWS_*`` variables.

    Raises:
        SettingsInvalid: ``url`` is neither.
    """
    location = parse_location(url)
    if location is None:
        msg = "REGEN_OUTPUT_URL: expected s3://bucket/prefix or file:///absolute/folder, got another text"
        raise SettingsInvalid(msg)
    if location.scheme == "file":
        from regen_store.write_file import FileStore  # noqa: PLC0415 - start only what this job uses

        return FileStore(Path(location.path))
    from regen_store.write_s3 import S3Store, s3_client  # noqa: PLC0415 - costs 0.2 s of CPU

    return S3Store(s3_client(environ), location.bucket, location.path)


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
