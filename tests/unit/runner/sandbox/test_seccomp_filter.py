"""What does the filter answer to a call, on each architecture and for each class?"""

from __future__ import annotations

import errno
import os
import signal
import socket

import pytest

from regen_runner.execute.sandbox import numbers, seccomp
from regen_runner.execute.sandbox.bpf import ALLOW, KILL_PROCESS, fail_with
from tests.unit.runner.sandbox.bpf_machine import verdict

MACHINES = (numbers.X86_64, numbers.AARCH64)
REFUSED = fail_with(errno.EPERM)
ABSENT = fail_with(errno.ENOSYS)
OWN, PARENT, OTHER = 4242, 1, 777
CLONE_THREAD, CLONE_NEWUSER = 0x10000, 0x10000000
PTHREAD_CREATE = 0x3D0F00
VFORK = 0x4111


class Filter:
    """The filter of one machine and class, asked by name."""

    def __init__(self, machine: str, *, egress: bool = False, subprocesses: bool = False) -> None:
        self.table = numbers.table(machine)
        self.architecture = seccomp.ARCHITECTURES[machine]
        self.program = seccomp.build(machine, own_pid=OWN, parent_pid=PARENT, egress=egress, subprocesses=subprocesses)

    def __call__(self, name: str, *arguments: int) -> int:
        return verdict(self.program, self.architecture, self.table[name], *arguments)


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_call_of_another_architecture_kills(machine: str) -> None:
    asked = Filter(machine)
    other = next(value for name, value in seccomp.ARCHITECTURES.items() if name != machine)
    assert verdict(asked.program, other, 0) == KILL_PROCESS
    i386 = 0x40000003
    assert verdict(asked.program, i386, 0) == KILL_PROCESS


def test_unknown_and_x32_numbers_are_absent(machine: str) -> None:
    asked = Filter(machine)
    for number in (numbers.LAST_KNOWN + 1, 0x40000000, 0x40000000 + 59, 0xFFFFFFFF):
        assert verdict(asked.program, asked.architecture, number) == ABSENT
    assert verdict(asked.program, asked.architecture, numbers.LAST_KNOWN) == ALLOW


def test_a_call_without_a_rule_is_allowed(machine: str) -> None:
    asked = Filter(machine)
    ruled = set(asked.table.values())
    for number in set(range(numbers.LAST_KNOWN)) - ruled:
        assert verdict(asked.program, asked.architecture, number) == ALLOW


def test_threads_are_made_and_processes_are_not(machine: str) -> None:
    asked = Filter(machine)
    assert asked("clone", PTHREAD_CREATE) == ALLOW
    assert asked("clone", signal.SIGCHLD) == REFUSED
    assert asked("clone", VFORK) == REFUSED
    assert asked("clone", CLONE_THREAD | CLONE_NEWUSER) == REFUSED
    assert asked("clone3") == ABSENT
    assert asked("execve") == asked("execveat") == REFUSED


def test_with_subprocesses_namespaces_stay_refused(machine: str) -> None:
    asked = Filter(machine, subprocesses=True)
    assert asked("clone", signal.SIGCHLD) == asked("clone", VFORK) == asked("execve") == ALLOW
    assert asked("clone", signal.SIGCHLD | CLONE_NEWUSER) == REFUSED
    assert asked("unshare", CLONE_NEWUSER) == asked("setns") == REFUSED
    assert asked("clone3") == ABSENT


@pytest.mark.parametrize("name", ["fork", "vfork"])
def test_the_old_ways_to_fork_are_refused(name: str) -> None:
    assert Filter(numbers.X86_64)(name) == REFUSED
    assert Filter(numbers.X86_64, subprocesses=True)(name) == ALLOW
    assert name not in numbers.table(numbers.AARCH64)


def test_only_unix_streams_are_sockets(machine: str) -> None:
    asked = Filter(machine)
    for call in ("socket", "socketpair"):
        assert asked(call, socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) == ALLOW
        assert asked(call, socket.AF_UNIX, socket.SOCK_SEQPACKET) == ALLOW
        # SOCK_RAW is the kernel's other word for a unix datagram socket.
        assert asked(call, socket.AF_UNIX, socket.SOCK_DGRAM) == asked(call, socket.AF_UNIX, socket.SOCK_RAW) == REFUSED
        for family in set(range(64)) - {socket.AF_UNIX}:
            assert asked(call, family, socket.SOCK_STREAM) == REFUSED


def test_the_upper_half_of_an_int_argument_changes_nothing(machine: str) -> None:
    assert Filter(machine)("socket", socket.AF_INET | 1 << 32, socket.SOCK_STREAM) == REFUSED
    assert Filter(machine)("kill", PARENT | 1 << 32, 0) == REFUSED


def test_nothing_connects_and_nothing_is_sent_to_an_address(machine: str) -> None:
    asked = Filter(machine)
    assert asked("connect") == REFUSED
    assert asked("sendto", 3, 0x1000, 5, 0, 0, 0) == ALLOW
    assert asked("sendto", 3, 0x1000, 5, 0, 0x1000, 16) == asked("sendto", 3, 0x1000, 5, 0, 1 << 32, 16) == REFUSED


def test_egress_opens_internet_sockets_alone(machine: str) -> None:
    asked = Filter(machine, egress=True)
    opened = {family for family in range(64) if asked("socket", family, socket.SOCK_STREAM) == ALLOW}
    assert opened == {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}
    assert asked("connect") == asked("sendto", 3, 0, 0, 0, 0x1000, 16) == ALLOW
    assert asked("execve") == REFUSED


def test_signals_go_to_oneself_alone(machine: str) -> None:
    asked = Filter(machine)
    for call in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        assert asked(call, OWN) == asked(call, 0) == ALLOW
        assert asked(call, PARENT) == asked(call, OTHER) == asked(call, -1) == REFUSED
    assert asked("tkill", PARENT) == asked("pidfd_send_signal") == REFUSED


def test_with_subprocesses_signals_go_to_children_and_not_to_the_supervisor(machine: str) -> None:
    asked = Filter(machine, subprocesses=True)
    assert asked("kill", OTHER) == ALLOW
    assert asked("kill", PARENT) == asked("kill", -1) == REFUSED
    assert asked("prlimit64", OTHER) == REFUSED


def test_set_id_bits_are_never_set(machine: str) -> None:
    asked = Filter(machine)
    assert asked("fchmodat", 3, 0, 0o755) == asked("fchmod", 3, 0o644) == ALLOW
    for mode in (0o4755, 0o2755, 0o6000):
        assert asked("fchmodat", 3, 0, mode) == asked("fchmod", 3, mode) == asked("fchmodat2", 3, 0, mode) == REFUSED
        assert asked("openat", 3, 0, os.O_CREAT | os.O_WRONLY, mode) == REFUSED
        assert asked("openat", 3, 0, os.O_TMPFILE | os.O_WRONLY, mode) == REFUSED
        # Without O_CREAT there is no mode, and the register holds whatever it held.
        assert asked("openat", 3, 0, os.O_RDONLY, mode) == ALLOW


def test_the_death_signal_stays(machine: str) -> None:
    asked = Filter(machine)
    set_name = 15
    assert asked("prctl", 1, 0) == REFUSED
    assert asked("prctl", set_name, 0x1000) == ALLOW


@pytest.mark.parametrize(
    "name",
    [
        *(
            "ptrace",
            "process_vm_readv",
            "process_vm_writev",
            "pidfd_getfd",
            "io_uring_setup",
            "io_uring_enter",
            "bpf",
            "keyctl",
        ),
        *("add_key", "request_key", "userfaultfd", "perf_event_open", "mount", "umount2", "move_mount", "open_tree", "fsopen"),
        *(
            "pivot_root",
            "chroot",
            "kexec_load",
            "init_module",
            "finit_module",
            "shmget",
            "shmat",
            "msgget",
            "semget",
            "mq_open",
        ),
        *("open_by_handle_at", "personality", "reboot", "settimeofday"),
    ],
)
@pytest.mark.parametrize("subprocesses", [False, True])
def test_ways_out_are_refused_whatever_the_class(machine: str, name: str, *, subprocesses: bool) -> None:
    assert Filter(machine, egress=True, subprocesses=subprocesses)(name) == REFUSED


@pytest.mark.parametrize(
    ("call", "request_number"), [("fcntl", 8), ("fcntl", 10), ("fcntl", 15), ("ioctl", 0x8901), ("ioctl", 0x8902)]
)
def test_no_descriptor_gets_an_owner_that_the_kernel_signals(machine: str, call: str, request_number: int) -> None:
    for subprocesses in (False, True):
        assert Filter(machine, egress=True, subprocesses=subprocesses)(call, 3, request_number, PARENT) == REFUSED


def test_the_kernel_takes_no_filter_beyond_its_limit(machine: str) -> None:
    limit = 4096
    for subprocesses in (False, True):
        assert len(Filter(machine, subprocesses=subprocesses).program) // 8 <= limit


def test_an_unknown_architecture_is_said_by_name() -> None:
    with pytest.raises(OSError, match="riscv64"):
        seccomp.build("riscv64", own_pid=2, parent_pid=1, egress=False, subprocesses=False)


def test_every_judged_number_is_in_the_table_of_one_architecture_at_least(machine: str) -> None:
    assert max(numbers.table(machine).values()) <= numbers.LAST_KNOWN
    assert len(set(numbers.table(machine).values())) == len(numbers.table(machine))
