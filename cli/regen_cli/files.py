"""Read untrusted files: regular files only, block by block."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from regen_cli.objects import BLOCK
from regen_core.errors import RegenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO | None]:
    """Open the regular file at a path. None if it does not exist or is a link or another kind."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ELOOP}:
            raise RegenError(f"cannot read {path}: {error.strerror}") from error
        yield None
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        yield None
        return
    with os.fdopen(descriptor, "rb") as file:
        yield file


def measured(file: BinaryIO) -> tuple[int, str]:
    """Return size in bytes and SHA-256 (64 hex digits) of the rest of the file."""
    digest, count = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        digest.update(block)
        count += len(block)
    return count, digest.hexdigest()
