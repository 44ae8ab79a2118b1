"""Landlock: which files, TCP ports, sockets and signals a process may reach (landlock(7), ``linux/landlock.h``).

Everything that the kernel knows how to handle is handled, and then allowed again path by path; a right that a kernel does
not know yet is left out. Handled since: files ABI 1, REFER 2, TRUNCATE 3, TCP 4, IOCTL_DEV 5, scopes 6, RESOLVE_UNIX 9.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from regen_runner.execute.sandbox.syscalls import syscall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REMOVE_DIR: Final = 1 << 4
REMOVE_FILE: Final = 1 << 5
MAKE_CHAR: Final = 1 << 6
MAKE_DIR: Final = 1 << 7
MAKE_REG: Final = 1 << 8
MAKE_SOCK: Final = 1 << 9
MAKE_FIFO: Final = 1 << 10
MAKE_BLOCK: Final = 1 << 11
MAKE_SYM: Final = 1 << 12
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14
IOCTL_DEV: Final = 1 << 15
RESOLVE_UNIX: Final = 1 << 16

READ: Final = READ_FILE | READ_DIR
READ_AND_RUN: Final = READ | EXECUTE
WRITE: Final = READ | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER
"""Regular files and folders only: an output that is a link or a pipe would be refused later anyway."""
SCRATCH: Final = WRITE | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | RESOLVE_UNIX

_OF_A_FILE: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX
_BIND_TCP: Final = 1 << 0
_CONNECT_TCP: Final = 1 << 1
_SCOPE_ABSTRACT_UNIX_SOCKET: Final = 1 << 0
_SCOPE_SIGNAL: Final = 1 << 1
_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1

_NET_NAMES: Final = {_BIND_TCP: "bindTcp", _CONNECT_TCP: "connectTcp"}
_SCOPE_NAMES: Final = {_SCOPE_ABSTRACT_UNIX_SOCKET: "abstractUnixSocket", _SCOPE_SIGNAL: "signal"}


@dataclass(frozen=True, slots=True)
class Grant:
    """Rights beneath ``path``. One that is not ``needed`` may be missing on this machine."""

    path: str
    rights: int
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Enforced:
    """What the kernel accepted beyond the file rules, by name."""

    net: tuple[str, ...]
    scope: tuple[str, ...]


def abi_version() -> int:
    """The kernel's Landlock ABI, 1 or more.

    Raises:
        OSError: ENOSYS where the kernel was built without Landlock, EOPNOTSUPP where it was not enabled at boot.
    """
    return syscall("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)


def file_rights(abi: int) -> int:
    """Every file right that a kernel of this ABI handles."""
    known = (1 << 13) - 1
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV), (9, RESOLVE_UNIX)):
        if abi >= since:
            known |= right
    return known


def net_rights(abi: int, *, connect: bool) -> int:
    """The TCP rights to take away: bind always (nothing here serves), connect unless the class has egress."""
    if abi < 4:
        return 0
    return _BIND_TCP if connect else _BIND_TCP | _CONNECT_TCP


def restrict(abi: int, grants: Iterable[Grant], *, connect: bool) -> Enforced:
    """Confines the calling thread, and what it starts later, to ``grants``. Needs ``no_new_privs``.

    Raises:
        OSError: the kernel refused, or a needed path cannot be opened.
    """
    handled = file_rights(abi)
    ruleset, net, scope = _create(handled, abi, net_rights(abi, connect=connect))
    try:
        for grant in grants:
            _allow(ruleset, grant, handled)
        syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return Enforced(tuple(_names(net, _NET_NAMES)), tuple(_names(scope, _SCOPE_NAMES)))


def _create(handled: int, abi: int, net: int) -> tuple[int, int, int]:
    """A ruleset, and the network rights and scopes it really has.

    Distributions backport: there are kernels that say ABI 6 and do not know the scope of signals. So EINVAL means one right
    less, down to the file rules alone, and the report tells.
    """
    scopes = (_SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL, _SCOPE_ABSTRACT_UNIX_SOCKET) if abi >= 6 else ()
    attempts = [*((net, scope) for scope in scopes), (net, 0), (0, 0)]
    for ports, scope in attempts:
        try:
            attributes = struct.pack("=QQQ", handled, ports, scope)
            size = len(attributes) if scope else 16 if ports else 8
            return syscall("landlock_create_ruleset", attributes, size, 0), ports, scope
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
    raise OSError(errno.EINVAL, f"landlock_create_ruleset: the kernel says ABI {abi} and refuses its file rights")


def _allow(ruleset: int, grant: Grant, handled: int) -> None:
    try:
        folder = os.open(grant.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        if grant.needed:
            raise
        return
    try:
        rights = grant.rights & handled
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            rights &= _OF_A_FILE
        syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, folder), 0)
    finally:
        os.close(folder)


def _names(bits: int, names: dict[int, str]) -> Iterator[str]:
    return (name for bit, name in names.items() if bits & bit)
