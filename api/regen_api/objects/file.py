"""Outputs in a folder, opened for reading only."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from regen_api.objects.port import OpenObject
from regen_core.errors import StoreUnavailable
from regen_store.errors import ObjectMissing

_GONE: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EISDIR, errno.ENAMETOOLONG}
"""Beneath our folder. Where the folder itself cannot be opened, a mount is lost, and nothing is known of the object."""

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class FileObjects:
    """``Objects`` beneath ``url``, which is ``file:///folder``."""

    def __init__(self, url: str) -> None:
        self._root = Path(unquote(urlsplit(url).path))

    def open(self, ref: str) -> OpenObject:
        """Follows no link, and leaves the folder by none."""
        parts = urlsplit(ref)
        try:
            names = Path(unquote(parts.path)).relative_to(self._root).parts
        except ValueError:
            names = ()
        if parts.scheme != "file" or not names or ".." in names or "\0" in "".join(names):
            raise ObjectMissing("output: expected a reference beneath REGEN_OUTPUT_URL", ref=ref)
        try:
            root = os.open(self._root, _FLAGS | os.O_DIRECTORY)
        except OSError as error:
            raise StoreUnavailable(f"store: expected a readable folder, got {error.strerror}", ref=ref) from error
        try:
            return _opened(root, names)
        except OSError as error:
            if error.errno in _GONE:
                raise ObjectMissing("output: expected a readable file", ref=ref) from error
            raise StoreUnavailable(f"store: expected a readable file, got {error.strerror}", ref=ref) from error


def _opened(root: int, names: tuple[str, ...]) -> OpenObject:
    """Closes ``root``."""
    current = root
    for name in names:
        try:
            inner = os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=current)
        finally:
            os.close(current)
        current = inner
    found = os.fstat(current)
    if not stat.S_ISREG(found.st_mode):
        os.close(current)
        raise IsADirectoryError(errno.EISDIR, "expected a regular file")
    return OpenObject(os.fdopen(current, "rb"), found.st_size)
