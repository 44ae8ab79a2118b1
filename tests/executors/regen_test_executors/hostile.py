"""A probe that tries what an executor must not be able to do, and reports how far it came.

It reports that something could be read and how much of it, never what it says. Without ``no_new_privs``, which every sandbox
sets first, it refuses to try anything: run by mistake on a bare machine it must do no harm.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from regen_executors.interface import Artifact, ExecutionResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from regen_executors.interface import Instruction

_TIMEOUT = 2.0
_PR_GET_NO_NEW_PRIVS = 39
_PTRACE_PEEKDATA = 2
_CLONE_NEWUSER = 0x10000000


class HostileProbe:
    """Makes ``attempts.json``: attempt → ``{"succeeded": bool, "result": what it got, or the error}``.

    Inputs, all optional: ``tcp`` "host:port" to connect to, ``unix`` a socket's path, ``read`` a list of paths to read,
    ``write`` a list of paths to create (each is tried, none is removed). ``/etc/passwd`` and ``/etc/shadow`` are always tried.
    """

    type: ClassVar[str] = "probe_hostile"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Never raises for what is refused; raises a RuntimeError where no sandbox was put on."""
        if _libc("prctl", _PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
            msg = "probe_hostile: expected to run in the executors' sandbox, no_new_privs is not set"
            raise RuntimeError(msg)
        report = {name: _tried(attempt) for name, attempt in _attempts(instruction).items()}
        body = json.dumps(report, indent=2, sort_keys=True).encode()
        return ExecutionResult((Artifact("attempts.json", "application/json", body),))


def _attempts(instruction: Instruction) -> dict[str, Callable[[], Any]]:
    inputs = instruction.inputs
    attempts: dict[str, Callable[[], Any]] = {
        "tcp socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
        "tcp6 socket": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close(),
        "udp socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
        "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
        "fork": _fork,
        "exec": lambda: subprocess.run([sys.executable, "-c", ""], check=True, timeout=_TIMEOUT).returncode,
        "environment of others": _environments,
        "memory of parent": lambda: Path(f"/proc/{os.getppid()}/mem").open("rb").close(),
        "signal to parent": lambda: os.kill(os.getppid(), 0),
        "ptrace": _ptrace,
        "unshare": lambda: _libc("unshare", _CLONE_NEWUSER),
        "write beside out": lambda: _create(instruction.out.parent / "probe-was-here"),
        "write to root": lambda: _create(Path("/probe-was-here")),
        "write to source": lambda: _append_to(instruction.sources.values()),
        "environment": lambda: _suspicious(os.environ),
    }
    for path in ("/etc/passwd", "/etc/shadow", *inputs.get("read", ())):
        attempts[f"read {path}"] = partial(_read, Path(path))
    for path in inputs.get("write", ()):
        attempts[f"write {path}"] = partial(_create, Path(path))
    if "tcp" in inputs:
        attempts["tcp connect"] = lambda: _connect(str(inputs["tcp"]))
    if "unix" in inputs:
        attempts["unix connect"] = lambda: _connect_unix(str(inputs["unix"]))
    return attempts


def _tried(attempt: Callable[[], Any]) -> dict[str, Any]:
    try:
        result = attempt()
    except OSError as error:
        return {"succeeded": False, "result": errno.errorcode.get(error.errno or 0, type(error).__name__)}
    except Exception as error:  # noqa: BLE001 - whatever stops it is the finding
        return {"succeeded": False, "result": f"{type(error).__name__}: {error}"[:200]}
    return {"succeeded": True, "result": repr(result)[:500]}


def _fork() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)[1]


def _connect(address: str) -> str:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_TIMEOUT) as connection:
        return str(connection.getpeername())


def _connect_unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT)
        connection.connect(path)


def _read(path: Path) -> str:
    return f"{len(path.read_bytes())} bytes"


def _environments() -> str:
    """How many other processes' environments can be read."""
    readable = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                readable += bool((folder / "environ").read_bytes())
            except OSError:
                continue
    return _found(readable and f"{readable} processes")


def _suspicious(environment: Mapping[str, str]) -> str:
    """The names of variables of our own environment that look like a credential."""
    marks = ("AWS_", "DATABASE", "SECRET", "TOKEN", "PASSWORD", "KUBECONFIG", "KUBERNETES_")
    return _found(", ".join(sorted(name for name in environment if any(mark in name.upper() for mark in marks))))


def _append_to(paths: Iterable[Path]) -> str:
    for path in paths:
        path.open("ab").close()
        return str(path)
    return _found("")


def _found(what: str | int) -> str:
    if not what:
        msg = "there was nothing"
        raise LookupError(msg)
    return str(what)


def _create(path: Path) -> str:
    path.write_bytes(b"probe")
    return str(path)


def _ptrace() -> str:
    """Whether the kernel looks at the call at all. Peeking at a process that is not traced changes nothing and gives ESRCH."""
    try:
        _libc("ptrace", _PTRACE_PEEKDATA, os.getppid(), 0, 0)
    except ProcessLookupError:
        return "the call reached the kernel"
    return "the parent's memory"


def _libc(name: str, *arguments: int) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    result: int = getattr(library, name)(*arguments)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
