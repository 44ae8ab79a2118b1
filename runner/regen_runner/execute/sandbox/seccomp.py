"""The system calls that an executor cannot make (seccomp(2)).

A list of refusals, not of permissions: numerical libraries and language runtimes use a wide and changing part of the
kernel, while what leads out of a sandbox is short and known. What the kernel learns later is refused until it was judged.
Refused calls fail with EPERM, so that a library may go on without; with ENOSYS where its fallback hangs on that.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import TYPE_CHECKING, Final

from regen_runner.execute.sandbox import numbers
from regen_runner.execute.sandbox.bpf import ALLOW, Check, Clause, assemble, fail_with
from regen_runner.execute.sandbox.syscalls import PR_SET_PDEATHSIG, syscall

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHITECTURES: Final = {numbers.X86_64: 0xC000003E, numbers.AARCH64: 0xC00000B7}
"""``AUDIT_ARCH_*`` (``linux/audit.h``), which every filter must check first."""
_SET_MODE_FILTER: Final = 1

_DENY: Final = Clause(fail_with(errno.EPERM))
_ABSENT: Final = Clause(fail_with(errno.ENOSYS))

_CLONE_THREAD: Final = 0x00010000
_NEW_NAMESPACES: Final = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_AF_UNIX: Final = 1
_AF_INET: Final = 2
_AF_INET6: Final = 10
_SOCK_STREAM: Final = 1
_SOCK_SEQPACKET: Final = 5
_SOCK_TYPE: Final = 0xF
_SET_ID_BITS: Final = (0o4000, 0o2000)
_MAKES_A_FILE: Final = (os.O_CREAT, os.O_TMPFILE & ~os.O_DIRECTORY)
_SIGNAL_OWNER: Final = (8, 10, 15)
"""``F_SETOWN``, ``F_SETSIG`` and ``F_SETOWN_EX`` (``fcntl.h``)."""
_SIGNAL_OWNER_IOCTLS: Final = (0x8901, 0x8902)
"""``FIOSETOWN`` and ``SIOCSPGRP`` (``asm-generic/sockios.h``), the same for sockets."""
_TERMINAL_INJECTION: Final = (0x5412, 0x541C)

_NEVER: Final = (
    # Other processes' memory, descriptors and identity.
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd"),
    *("pidfd_send_signal", "tkill", "move_pages", "migrate_pages"),
    # Namespaces and mounts, which would undo the file rules' view.
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen"),
    *("fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount", "open_by_handle_at", "name_to_handle_at"),
    # Large parts of the kernel that no executor needs and many escapes used.
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd", "perf_event_open", "fanotify_init"),
    *("keyctl", "add_key", "request_key", "personality", "modify_ldt", "uselib", "ustat", "sysfs", "lookup_dcookie"),
    # System V and POSIX queues and memory: channels to other processes that no file rule sees.
    *("shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl"),
    *("mq_open", "mq_unlink"),
    # The machine itself.
    *("kexec_load", "kexec_file_load", "create_module", "init_module", "finit_module", "delete_module", "reboot", "swapon"),
    *("swapoff", "sethostname", "setdomainname", "iopl", "ioperm", "acct", "quotactl", "quotactl_fd", "nfsservctl"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "syslog", "vhangup", "_sysctl", "memfd_secret"),
)


def install(*, egress: bool, subprocesses: bool) -> None:
    """Puts the filter on the calling process and what it starts. Needs ``no_new_privs`` and a single thread.

    Raises:
        OSError: the kernel refused, or the architecture is not known.
    """
    program = build(os.uname().machine, own_pid=os.getpid(), parent_pid=os.getppid(), egress=egress, subprocesses=subprocesses)
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, padding, and the address of the instructions.
    syscall("seccomp", _SET_MODE_FILTER, 0, struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer)))


def build(machine: str, *, own_pid: int, parent_pid: int, egress: bool, subprocesses: bool) -> bytes:
    """The filter for ``machine`` as ``struct sock_filter[]``."""
    table = numbers.table(machine)
    rules: dict[str, tuple[Clause, ...]] = dict.fromkeys(_NEVER, (_DENY,))
    for group in (_processes(subprocesses=subprocesses), _sockets(egress=egress), _files()):
        rules.update(group)
    rules.update(_signals(own_pid, parent_pid, subprocesses=subprocesses))
    by_number = {table[name]: clauses for name, clauses in rules.items() if name in table}
    return assemble(ARCHITECTURES[machine], numbers.LAST_KNOWN, fail_with(errno.ENOSYS), by_number)


def _processes(*, subprocesses: bool) -> Iterator[tuple[str, tuple[Clause, ...]]]:
    """Threads always, processes and programs where the class says so, namespaces never."""
    yield "clone3", (_ABSENT,)  # its flags lie behind a pointer; the C library falls back to clone
    namespaces = tuple(Clause(_DENY.action, (Check(0, bit, mask=bit),)) for bit in _NEW_NAMESPACES)
    if subprocesses:
        yield "clone", namespaces
        return
    yield "clone", (*namespaces, Clause(ALLOW, (Check(0, _CLONE_THREAD, mask=_CLONE_THREAD),)), _DENY)
    for name in ("fork", "vfork", "execve", "execveat"):
        yield name, (_DENY,)
    # Memory that no limit of the process counts, and a way to run a program that no folder holds.
    yield "memfd_create", (_ABSENT,)


def _sockets(*, egress: bool) -> Iterator[tuple[str, tuple[Clause, ...]]]:
    """Connected pairs and UNIX sockets of one's own; without egress nothing that reaches someone else's.

    File rules do not cover connecting to a socket's path before Landlock's ABI 9, hence no ``connect``; a datagram socket
    could name an address in ``sendmsg``, behind a pointer, hence none of those.
    """
    own = tuple(
        Clause(ALLOW, (Check(0, _AF_UNIX), Check(1, kind, mask=_SOCK_TYPE))) for kind in (_SOCK_STREAM, _SOCK_SEQPACKET)
    )
    yield "socketpair", (*own, _DENY)
    if egress:
        internet = tuple(Clause(ALLOW, (Check(0, family),)) for family in (_AF_INET, _AF_INET6))
        yield "socket", (*own, *internet, _DENY)
        return
    yield "socket", (*own, _DENY)
    yield "connect", (_DENY,)
    address = (Check(4, 0, negated=True), Check(4, 0, high=True, negated=True))
    yield "sendto", tuple(Clause(_DENY.action, (check,)) for check in address)


def _files() -> Iterator[tuple[str, tuple[Clause, ...]]]:
    """No set-user-id or set-group-id files, no keys typed into a terminal, no signal owners, no ``openat2``."""
    for name, mode in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("mknod", 1), ("mknodat", 2)):
        yield name, _without_set_id(mode)
    yield "creat", _without_set_id(1)
    # The mode counts only where a file is made; elsewhere the register holds anything.
    for name, flags in (("open", 1), ("openat", 2)):
        yield name, tuple(c for bit in _MAKES_A_FILE for c in _without_set_id(flags + 1, Check(flags, bit, mask=bit)))
    yield "openat2", (_ABSENT,)
    refused = (*_TERMINAL_INJECTION, *_SIGNAL_OWNER_IOCTLS)
    yield "ioctl", tuple(Clause(_DENY.action, (Check(1, request),)) for request in refused)


def _without_set_id(mode: int, *first: Check) -> tuple[Clause, ...]:
    return tuple(Clause(_DENY.action, (*first, Check(mode, bit, mask=bit))) for bit in _SET_ID_BITS)


def _signals(own_pid: int, parent_pid: int, *, subprocesses: bool) -> Iterator[tuple[str, tuple[Clause, ...]]]:
    """Signals, limits and priorities: to oneself, and with subprocesses to anyone but the supervisor.

    Landlock's scope (ABI 6) keeps signals inside the sandbox; this holds on older kernels too.
    """
    to_self = (Clause(ALLOW, (Check(0, own_pid),)), Clause(ALLOW, (Check(0, 0),)), _DENY)
    not_up = (Clause(_DENY.action, (Check(0, parent_pid),)), Clause(_DENY.action, (Check(0, 0xFFFFFFFF),)))
    for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        yield name, not_up if subprocesses else to_self
    yield "prlimit64", to_self
    for name in ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
        yield name, (Clause(_DENY.action, (Check(0, parent_pid),)),)
    for name in ("setpriority", "ioprio_set"):
        yield name, (Clause(_DENY.action, (Check(1, parent_pid),)),)
    # The kernel signals the owner of a descriptor, which could be the supervisor. The parent's death must end the child.
    yield "fcntl", tuple(Clause(_DENY.action, (Check(1, command),)) for command in _SIGNAL_OWNER)
    yield "prctl", (Clause(_DENY.action, (Check(0, PR_SET_PDEATHSIG),)),)
