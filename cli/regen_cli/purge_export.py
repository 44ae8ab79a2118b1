"""The export file of a purge. Lines are durable once ``append`` returns."""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING, Final, Self

from regen_cli.printing import say
from regen_core.errors import RegenError, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

_BLOCK: Final = 1 << 16


class Export:
    """Use as a context manager. Appends to an existing file, after truncating an incomplete last line.

    No job with an incomplete line was deleted: deletion follows the sync.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> Self:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o600)
            self._require_file()
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._cut_torn_line()
            _sync_folder(self._path.parent)
        except BlockingIOError as error:
            self._close()
            msg = f"--export: another purge is writing to {self._path}"
            raise RegenError(msg) from error
        except OSError as error:
            self._close()
            msg = f"--export: cannot write {self._path}: {error.strerror}"
            raise ValidationFailed(msg) from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def append(self, lines: Iterable[bytes]) -> None:
        """Write and sync the lines.

        Raises:
            RegenError: the write failed; the caller must not delete the jobs.
        """
        view = memoryview(b"".join(line + b"\n" for line in lines))
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError as error:
            msg = f"--export: cannot write to {self._path}: {error.strerror}. These jobs were not deleted."
            raise RegenError(msg) from error

    def _require_file(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            msg = f"--export: {self._path} is not a regular file"
            raise ValidationFailed(msg)

    def _cut_torn_line(self) -> None:
        end = size = os.fstat(self._descriptor).st_size
        while end:
            begin = max(0, end - _BLOCK)
            newline = os.pread(self._descriptor, end - begin, begin).rfind(b"\n")
            if newline >= 0:
                end = begin + newline + 1
                break
            end = begin
        if end != size:
            say(f"{self._path}: removed {size - end} bytes of a line that an interrupted purge left incomplete")
            os.ftruncate(self._descriptor, end)
            os.fsync(self._descriptor)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
