"""Ways out, each of which must be closed. An answer is an errno's name, or "allowed"."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regen_runner.execute.sandbox import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from regen_executors.interface import Instruction

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _outcome(action: Callable[[], Any]) -> str:
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "allowed"


def _raw(number: int, *arguments: int) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(a & 0xFFFFFFFFFFFFFFFF) for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "syscall")
    return result


def _call(name: str, *arguments: int) -> str:
    return _outcome(lambda: _raw(numbers.of_this_machine(name), *arguments))


def read(instruction: Instruction) -> dict[str, str]:
    """Each path of ``inputs.paths``, opened to read; a folder is listed."""
    return {path: _outcome(partial(_look, Path(path))) for path in instruction.inputs["paths"]}


def _look(path: Path) -> None:
    if path.is_dir():
        list(path.iterdir())
    else:
        os.close(os.open(path, os.O_RDONLY))


def parents_secrets(instruction: Instruction) -> dict[str, str]:
    parent = os.getppid()
    return {name: _outcome(partial(_look, Path(f"/proc/{parent}/{name}"))) for name in ("environ", "mem", "fd", "maps")}


def write(instruction: Instruction) -> dict[str, str]:
    """Each path of ``inputs.paths``, written to."""
    return {path: _outcome(partial(Path(path).write_bytes, b"forged")) for path in instruction.inputs["paths"]}


def move_and_link(instruction: Instruction) -> dict[str, str]:
    """The out folder's file brought to ``inputs.path`` and the other way round."""
    source = instruction.out / "mine"
    source.write_bytes(b"forged")
    target = Path(instruction.inputs["path"])
    existing = Path(instruction.inputs["existing"])
    return {
        "rename": _outcome(lambda: source.rename(target)),
        "link": _outcome(lambda: os.link(source, target)),
        "link in": _outcome(lambda: os.link(existing, instruction.out / "stolen")),
        "remove": _outcome(existing.unlink),
        "truncate": _outcome(lambda: os.truncate(existing, 0)),
        "remove folder": _outcome(instruction.out.rmdir),
    }


def special_files(instruction: Instruction) -> dict[str, str]:
    out = instruction.out
    (out / "plain").write_bytes(b"")
    return {
        "symlink": _outcome(lambda: (out / "link").symlink_to("/etc/passwd")),
        "fifo": _outcome(lambda: os.mkfifo(out / "pipe")),
        "device": _outcome(lambda: os.mknod(out / "zero", 0o020666, os.makedev(1, 5))),
        "set-user-id": _outcome(lambda: (out / "plain").chmod(0o4755)),
        "set-user-id at birth": _outcome(lambda: os.open(out / "born", os.O_CREAT | os.O_WRONLY, 0o4755)),
        "plain mode": _outcome(lambda: (out / "plain").chmod(0o644)),
    }


def sockets(instruction: Instruction) -> dict[str, str]:
    kinds = {
        "inet": (socket.AF_INET, socket.SOCK_STREAM),
        "inet udp": (socket.AF_INET, socket.SOCK_DGRAM),
        "inet6": (socket.AF_INET6, socket.SOCK_STREAM),
        "netlink": (socket.AF_NETLINK, socket.SOCK_RAW),
        "packet": (socket.AF_PACKET, socket.SOCK_RAW),
        "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM),
        "alg": (socket.AF_ALG, socket.SOCK_SEQPACKET),
        "unix datagram": (socket.AF_UNIX, socket.SOCK_DGRAM),
        "unix": (socket.AF_UNIX, socket.SOCK_STREAM),
    }
    return {name: _outcome(partial(_make_socket, *pair)) for name, pair in kinds.items()}


def _make_socket(family: int, kind: int) -> None:
    socket.socket(family, kind).close()


def unix_pair(instruction: Instruction) -> str:
    """What went through a connected pair of sockets."""
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"through the pair")
        return right.recv(100).decode()


def unix_server(instruction: Instruction) -> dict[str, str]:
    """A server outside, by its path and by its abstract name."""
    answers = {}
    for name in (instruction.inputs["path"], "\0" + instruction.inputs["abstract"]):
        with socket.socket(socket.AF_UNIX) as client:
            answers["abstract" if name.startswith("\0") else "path"] = _outcome(partial(client.connect, name))
    return answers


def connect_to(instruction: Instruction) -> str:
    """A TCP server at ``inputs.port``."""

    def connect() -> None:
        with socket.create_connection(("127.0.0.1", instruction.inputs["port"]), timeout=5):
            pass

    return _outcome(connect)


def listen(instruction: Instruction) -> str:
    with socket.socket() as server:
        return _outcome(lambda: server.bind(("127.0.0.1", 0)))


def processes(instruction: Instruction) -> dict[str, str]:
    new_namespace = 0x10000000
    return {
        "fork": _outcome(_fork),
        "clone": _call("clone", int(signal.SIGCHLD), 0, 0, 0, 0),
        "clone with namespace": _call("clone", int(signal.SIGCHLD) | new_namespace, 0, 0, 0, 0),
        "clone3": _call("clone3", 0, 0),
        "run": _outcome(lambda: subprocess.run(["/bin/true"], check=True)),
        "exec": _outcome(lambda: os.execv("/bin/true", ["true"])),  # noqa: S606 - what is tried
    }


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def fork_bomb(instruction: Instruction) -> dict[str, int]:
    """How many of 1000 attempts made a process."""
    made = 0
    for _ in range(1000):
        try:
            if os.fork() == 0:
                os._exit(0)
            made += 1
        except PermissionError:
            continue
    return {"made": made}


def threads(instruction: Instruction) -> int:
    """Threads are no processes: how many of 20 ran."""
    ran: list[int] = []
    workers = [threading.Thread(target=ran.append, args=(n,)) for n in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(ran)


def signals(instruction: Instruction) -> dict[str, str]:
    parent = os.getppid()
    return {
        "kill parent": _outcome(lambda: os.kill(parent, signal.SIGTERM)),
        "is parent there": _outcome(lambda: os.kill(parent, 0)),
        "kill parent's group": _outcome(lambda: os.killpg(os.getpgid(parent), 0)),
        "kill everyone": _outcome(lambda: os.kill(-1, 0)),
        "tkill parent": _call("tkill", parent, 0),
        "tgkill parent": _call("tgkill", parent, parent, 0),
        "queue to parent": _call("rt_sigqueueinfo", parent, 0, 0),
        "parent's limits": _outcome(lambda: resource.prlimit(parent, resource.RLIMIT_CPU)),
        "parent's processors": _outcome(lambda: os.sched_setaffinity(parent, {0})),
        "own death signal off": _outcome(lambda: _prctl(1, 0)),
        "F_SETOWN": _own_pipe(lambda end: fcntl.fcntl(end, fcntl.F_SETOWN, parent)),
        "F_SETSIG": _own_pipe(lambda end: fcntl.fcntl(end, 10, signal.SIGTERM)),
        "FIOSETOWN": _own_pipe(lambda end: fcntl.ioctl(end, 0x8901, struct.pack("i", parent))),
        "SIOCSPGRP": _own_pipe(lambda end: fcntl.ioctl(end, 0x8902, struct.pack("i", parent))),
        "to itself": _outcome(lambda: os.kill(os.getpid(), 0)),
    }


def _own_pipe(call: Callable[[int], object]) -> str:
    """The outcome of a call on one end of a socket pair."""
    one, other = socket.socketpair()
    with one, other:
        return _outcome(lambda: call(one.fileno()))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "prctl")


def kernel(instruction: Instruction) -> dict[str, str]:
    """Calls by number; what is not refused by the filter would say EINVAL, EFAULT or EBADF."""
    parent = os.getppid()
    attach = 16
    calls = {
        "ptrace": (attach, parent, 0, 0),
        "process_vm_readv": (parent, 0, 0, 0, 0, 0),
        "io_uring_setup": (1, 0),
        "unshare": (0x10000000,),
        "setns": (0, 0),
        "mount": (0, 0, 0, 0, 0),
        "keyctl": (0, 0, 0, 0, 0),
        "bpf": (0, 0, 0),
        "userfaultfd": (0,),
        "perf_event_open": (0, 0, 0, 0, 0),
        "pidfd_getfd": (0, 0, 0),
        "pidfd_send_signal": (0, 0, 0, 0),
        "shmget": (0, 4096, 0o1600),
        "msgget": (0, 0o1600),
        "kexec_load": (0, 0, 0, 0),
        "init_module": (0, 0, 0),
        "personality": (0xFFFFFFFF,),
        "memfd_create": (0, 0),
        "openat2": (0, 0, 0, 0),
        "chroot": (0,),
    }
    answers = {name: _call(name, *arguments) for name, arguments in calls.items()}
    answers["not invented yet"] = _outcome(lambda: _raw(numbers.LAST_KNOWN + 1))
    if os.uname().machine == numbers.X86_64:
        x32_getpid = 0x40000000 + 39
        answers["x32"] = _outcome(lambda: _raw(x32_getpid))
    return answers


def call_as_32_bits(instruction: Instruction) -> str:
    """``int 0x80`` with getpid's number, in machine code: another architecture's call, which the filter must not misread."""
    code = bytes.fromhex("b814000000cd80c3")
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return f"allowed: {function()}"


def unlock(instruction: Instruction) -> dict[str, str]:
    """A second filter and a second ruleset only take away; limits only go down."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    return {
        "raise limit": _outcome(lambda: _raise_limit(soft, hard)),
        "privileges": _outcome(lambda: _prctl(38, 0)),
        "uid": _outcome(lambda: os.setuid(4711)),
    }


def _raise_limit(soft: int, hard: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft + 1, hard + 1))
    except ValueError as error:  # The standard library's word for EPERM.
        raise PermissionError(errno.EPERM, str(error)) from error


def leave_a_process(instruction: Instruction) -> dict[str, int]:
    """A grandchild in a session of its own, which outlives its parent; with ``inputs.hang`` this process hangs too."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.write(write, str(os.getpid()).encode())
            threading.Event().wait()
        os._exit(0)
    pid = int(os.read(read, 20))
    if instruction.inputs.get("hang"):
        print(f"pid {pid}", flush=True)  # noqa: T201
        threading.Event().wait()
    return {"pid": pid}


def programs(instruction: Instruction) -> dict[str, str]:
    """With subprocesses: a program runs, and is in the same sandbox."""
    looks = "\n".join(  # noqa: FLY002 - a program, line by line
        (
            "import socket",
            "try: open('/etc/passwd')",
            "except OSError as error: print(error.errno)",
            "try: socket.socket()",
            "except OSError as error: print(error.errno)",
        )
    )
    script = instruction.out / "script"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o755)
    return {
        "echo": subprocess.run(["/bin/echo", "ran"], check=True, capture_output=True, text=True).stdout,
        "python": subprocess.run([sys.executable, "-I", "-c", looks], check=True, capture_output=True, text=True).stdout,
        "own program": _outcome(lambda: subprocess.run([script], check=True)),
    }
