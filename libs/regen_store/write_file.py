"""Outputs in a folder: each file appears whole, once, and is never replaced.

The bytes are written to a file without a name (``O_TMPFILE``, open(2)), made durable, and then given their name by
``linkat``, which fails where the name is taken. Where a file system has no nameless files, a draft beside the target takes
the name by ``renameat2(RENAME_NOREPLACE)``, and where it lacks that too, by ``link``.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import quote

from regen_core.errors import OutputExists, StoreUnavailable, StoreUnsafe
from regen_store.errors import StoreDenied
from regen_store.port import (
    PROBE_KEY,
    StoredObject,
    as_file,
    checked_key,
    measure,
    other_bytes,
    wrong_digest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK: Final = 1 << 20
_MODE: Final = 0o444
_RENAME_NOREPLACE: Final = 1
_NO_NAMELESS_FILES: Final = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}
_NO_CONDITIONAL_RENAME: Final = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_PERMANENT: Final = {
    errno.EACCES,
    errno.EFBIG,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EROFS,
}
"""What the same call would meet again. Not ENOENT: beneath the root a folder may be removed and made at any time."""


class FileStore:
    """A ``Store`` (see there for what each method promises) in the existing folder ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def probe(self) -> None:
        """Tries to create one file twice with different bytes."""
        for attempt in range(2):
            body = f"probe {attempt} {secrets.token_hex(16)}\n".encode()
            try:
                self.put(PROBE_KEY, body, hashlib.sha256(body).hexdigest(), "text/plain")
            except OutputExists:
                return
        msg = f"store {self._root}: expected a folder that refuses to create a file twice, got one that replaced it"
        raise StoreUnsafe(msg)

    def put(self, key: str, body: bytes | BinaryIO, sha256: str, media_type: str) -> str:  # noqa: ARG002 - no place for it
        """Creates the file; ``media_type`` is kept by manifest and database alone."""
        *folders, name = checked_key(key).split("/")
        with _told(key), self._folder(folders) as folder:
            if not _taken(folder, name) and _create(folder, name, key, as_file(body), sha256):
                os.fsync(folder)
                return self.url(key)
            found = _measured(folder, name)
            if found is None or found.sha256 != sha256:
                raise other_bytes(key, sha256, found.sha256 if found else None)
            os.fsync(folder)  # whoever linked it may have died before this
        return self.url(key)

    def head(self, key: str) -> StoredObject | None:
        """Size and digest of the regular file at ``key``."""
        with _told(key):
            try:
                descriptor = os.open(self._root / checked_key(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as file:
                return measure(file)

    def url(self, key: str) -> str:
        """``file:///folder/key``, percent-encoded."""
        return f"file://{quote(str(self._root))}/{quote(checked_key(key))}"

    @contextmanager
    def _folder(self, names: list[str]) -> Iterator[int]:
        """A descriptor of the folder, made where it is missing, each entry durable in its parent.

        The root itself is not made: a wrong mount would swallow outputs unseen.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            current = os.open(self._root, flags)
        except FileNotFoundError as error:
            msg = f"store: expected a folder that exists in REGEN_OUTPUT_URL, got {self._root}: {error.strerror}"
            raise StoreDenied(msg, errno=error.errno) from error
        try:
            for name in names:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=current)
                os.fsync(current)  # an existing one may be another process's, not yet durable
                inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=current)
                os.close(current)
                current = inner
            yield current
        finally:
            os.close(current)


def _create(folder: int, name: str, key: str, body: BinaryIO, sha256: str) -> bool:
    """Whether the file is ours now; False where the name was taken meanwhile."""
    try:
        descriptor = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, _MODE, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NO_NAMELESS_FILES:
            raise
        return _create_by_draft(folder, name, key, body, sha256)
    try:
        _fill(descriptor, key, body, sha256)
        # A descriptor in place of a folder makes Python call linkat, with AT_SYMLINK_FOLLOW: link(2) would link the symlink.
        os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        return False
    finally:
        os.close(descriptor)
    return True


def _create_by_draft(folder: int, name: str, key: str, body: BinaryIO, sha256: str) -> bool:
    draft = f".draft-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, _MODE, dir_fd=folder)
    try:
        try:
            _fill(descriptor, key, body, sha256)
        finally:
            os.close(descriptor)
        _name_draft(folder, draft, name)
    except FileExistsError:
        return False
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
    return True


def _name_draft(folder: int, draft: str, name: str) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(folder, os.fsencode(draft), folder, os.fsencode(name), _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _NO_CONDITIONAL_RENAME:
        raise OSError(number, os.strerror(number), name)
    os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)


def _fill(descriptor: int, key: str, body: BinaryIO, sha256: str) -> None:
    digest = hashlib.sha256()
    while block := body.read(_BLOCK):
        digest.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(descriptor, view) :]
    if digest.hexdigest() != sha256:
        raise wrong_digest(key, sha256)
    os.fchmod(descriptor, _MODE)
    os.fsync(descriptor)


def _taken(folder: int, name: str) -> bool:
    """A look before the work; what decides is the link."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _measured(folder: int, name: str) -> StoredObject | None:
    """The regular file at ``name``; None for anything else, a link included."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            return None
        raise
    try:
        with os.fdopen(descriptor, "rb") as file:
            return measure(file)
    except IsADirectoryError:
        return None


@contextmanager
def _told(key: str) -> Iterator[None]:
    """An error of the disk, as the port promises it."""
    try:
        yield
    except OSError as error:
        msg = f"store: expected to reach {key}, got {error.strerror or error}"
        kind = StoreDenied if error.errno in _PERMANENT else StoreUnavailable
        raise kind(msg, key=key, errno=error.errno) from error
