"""The few system calls that the standard library does not wrap."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

from regen_runner.execute.sandbox import numbers

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.restype = ctypes.c_int


def syscall(name: str, *arguments: int | bytes | None) -> int:
    """Calls the system call ``name``; bytes go by address (the kernel only reads them), None is a null pointer.

    Raises:
        OSError: the kernel refused, or this machine's architecture is not one that ``numbers`` knows.
    """
    words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_ulong(a or 0) for a in arguments]
    result: int = _libc.syscall(ctypes.c_long(numbers.of_this_machine(name)), *words)
    if result < 0:
        raise _last_error(name)
    return result


def prctl(option: int, argument: int) -> None:
    """``prctl(option, argument, 0, 0, 0)``.

    Raises:
        OSError: the kernel refused.
    """
    if _libc.prctl(ctypes.c_int(option), *(ctypes.c_ulong(word) for word in (argument, 0, 0, 0))) < 0:
        raise _last_error(f"prctl({option})")


def set_no_new_privileges() -> None:
    """From here on no program that is started gains privileges; Landlock and seccomp ask for it."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Empties the effective, permitted and inheritable sets, for runs as root outside of a cluster."""
    syscall("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def _last_error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
