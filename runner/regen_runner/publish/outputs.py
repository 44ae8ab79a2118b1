"""Checks what the executor left in ``out`` and holds it open, so that what was checked is what is stored.

The executor is not trusted, and its folder may hold anything: links to secrets of publish, pipes that never end, devices,
a second name for a file that is written later. Each declared file is opened once, without following anything, and hashed
and uploaded from that one descriptor. Nothing is unpacked or interpreted.
"""

from __future__ import annotations

import ctypes
import errno
import io
import os
import re
import resource
import stat
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from regen_core.errors import OutputRefused
from regen_core.names import is_artifact_name
from regen_store.port import measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from regen_core.envelope import DeclaredArtifact

_SYS_OPENAT2: Final = 437
"""The same number on every architecture (Linux 5.6, openat2(2))."""
_RESOLVE: Final = 0x01 | 0x02 | 0x04 | 0x08
"""RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH (linux/openat2.h)."""
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OTHER_DESCRIPTORS: Final = 64
"""For all that is no output: pipes, the store's connections, a folder on the way, libraries that are loaded late."""
_MEDIA_TYPE = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}(; ?[a-z0-9-]{1,64}=[A-Za-z0-9._+-]{1,64})*"
)
_MEDIA_TYPE_MAX: Final = 255


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class DescriptorReader(io.RawIOBase):
    """A file of its own position over a descriptor that someone else closes."""

    def __init__(self, descriptor: int, size: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As ``io.IOBase.seek``; the end is the size that was checked."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's WriteableBuffer has no name at run time
        """As ``io.RawIOBase.readinto``; never beyond the size that was checked."""
        wanted = max(0, min(len(buffer), self._size - self._position))
        block = os.pread(self._descriptor, wanted, self._position)
        buffer[: len(block)] = block
        self._position += len(block)
        return len(block)


@dataclass(frozen=True, slots=True)
class CheckedOutput:
    """A regular file that passed every check; ``size_bytes`` and ``sha256`` are of the bytes behind ``descriptor``."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    descriptor: int

    def open(self) -> BinaryIO:
        """The bytes, from their start; usable while ``checked_outputs`` is."""
        return cast("BinaryIO", io.BufferedReader(DescriptorReader(self.descriptor, self.size_bytes), 1 << 20))


@contextmanager
def checked_outputs(
    out: Path, declared: Sequence[DeclaredArtifact], *, max_bytes: int, max_files: int
) -> Iterator[tuple[CheckedOutput, ...]]:
    """The declared files by name, open as long as the context is.

    Args:
        out: the executor's folder.
        declared: what the executor says it left there.
        max_bytes: of all files together.
        max_files: how many there may be.

    Raises:
        OutputRefused: names the first entry that is not as it must be.
        OSError: no descriptor is left to look with.
    """
    _check_declaration(declared, max_files)
    _make_room(len(declared) + _OTHER_DESCRIPTORS)
    with ExitStack() as stack:
        folder = _open_folder(out)
        stack.callback(os.close, folder)
        _check_entries(folder, {artifact.name for artifact in declared})
        checked: list[CheckedOutput] = []
        left = max_bytes
        for artifact in sorted(declared, key=lambda artifact: artifact.name):
            descriptor = _open_beneath(folder, artifact.name)
            stack.callback(os.close, descriptor)
            output = _checked(artifact, descriptor, left, max_bytes)
            left -= output.size_bytes
            checked.append(output)
        yield tuple(checked)


def _make_room(descriptors: int) -> None:
    """Raises the process's own limit of open files where it is lower, as far as the container lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < descriptors:
        most = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _check_declaration(declared: Sequence[DeclaredArtifact], max_files: int) -> None:
    if not 1 <= len(declared) <= max_files:
        msg = f"outputs: expected 1 to {max_files} artifacts, got {len(declared)}"
        raise OutputRefused(msg)
    seen: set[str] = set()
    for artifact in declared:
        if not is_artifact_name(artifact.name):
            raise _refused(artifact.name, "a name of 1 to 128 letters, digits, dots, dashes and underscores", "another")
        if artifact.name in seen:
            raise _refused(artifact.name, "each artifact once", "it twice")
        if len(artifact.media_type) > _MEDIA_TYPE_MAX or not _MEDIA_TYPE.fullmatch(artifact.media_type):
            raise _refused(artifact.name, "a media type such as text/csv", ascii(artifact.media_type[:64]))
        seen.add(artifact.name)


def _open_folder(out: Path) -> int:
    try:
        return os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        _pass_our_own(error)
        msg = f"outputs: expected a folder in REGEN_OUT_DIR, got {error.strerror}"
        raise OutputRefused(msg) from error


def _check_entries(folder: int, names: set[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in names:
                raise _refused(entry.name, "nothing beside the declared artifacts", "it")


def _open_beneath(folder: int, name: str) -> int:
    try:
        return _openat2(folder, name)
    except OSError as error:
        _pass_our_own(error)
        if error.errno == errno.ENOENT:
            raise _refused(name, "the declared file", "none") from error
        raise _refused(name, "a regular file", f"one that cannot be opened ({error.strerror})") from error


def _pass_our_own(error: OSError) -> None:
    """Raises what says nothing of the executor's folder: too few descriptors in this process, or on this machine."""
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        raise error


def _openat2(folder: int, name: str) -> int:
    how = _OpenHow(flags=_OPEN_FLAGS, mode=0, resolve=_RESOLVE)
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    descriptor = library.syscall(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(folder),
        ctypes.c_char_p(os.fsencode(name)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor >= 0:
        return int(descriptor)
    number = ctypes.get_errno()
    if number == errno.ENOSYS:
        # A sandboxed runtime without the call. A checked name is one segment, so O_NOFOLLOW leaves no way out of the folder.
        return os.open(name, _OPEN_FLAGS, dir_fd=folder)
    raise OSError(number, os.strerror(number), name)


def _checked(artifact: DeclaredArtifact, descriptor: int, left: int, max_bytes: int) -> CheckedOutput:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _refused(artifact.name, "a regular file", stat.filemode(status.st_mode))
    if status.st_nlink != 1:
        raise _refused(artifact.name, "a file with one name", f"{status.st_nlink} names")
    if status.st_size > left:
        raise _refused(artifact.name, f"at most {max_bytes} bytes in all artifacts", "more")
    with io.BufferedReader(DescriptorReader(descriptor, status.st_size), 1 << 20) as file:
        try:
            found = measure(cast("BinaryIO", file))
        except OSError as error:
            raise _refused(artifact.name, "a readable file", str(error.strerror)) from error
    if found.size_bytes != status.st_size:
        raise _refused(artifact.name, f"{status.st_size} bytes", f"{found.size_bytes}")
    return CheckedOutput(artifact.name, artifact.media_type, found.size_bytes, found.sha256, descriptor)


def _refused(name: str, expected: str, got: str) -> OutputRefused:
    shown = ascii(name[:128])
    return OutputRefused(f"output {shown}: expected {expected}, got {got}", name=shown)
