"""Starts the runner's programs by fork from processes that have imported them: what a job costs is then its work.

Only the start differs from a real container's: same code, sandbox, signals, files and exit codes. ``/proc/<pid>/environ``
shows the first process's environment, the hash seed of prepare and publish is that of their first process, and what the
program imports on its way to a completed job, and botocore reads of its own files, is there from the beginning.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from kubelite.keeper import TERMINATION_LOG
from kubelite.process import start_program
from tests.faults.warm_process import IMPORTED, MAX_ORDER_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubelite.process import Child
    from tests.faults.control import Control

_PROGRAM: Final = Path(__file__).with_name("warm_process.py")
_ANSWER_SECONDS: Final = 30.0
_READ_AT_START: Final = ("PYTHON", "LC_", "LANG", "TZ", "PATH", "LD_")
"""Variables that the interpreter or the C library reads once: a process serves only containers that have the same."""


class Forks:
    """A ``Start``. When the context ends, the processes that fork have ended; those that were forked are the node agent's."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._processes: dict[tuple[str, ...], _Warm] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def __call__(self, command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> Child:
        """By fork where the command is one of the runner's three programs, else as ever. The log outlives the pod's folder."""
        self._control.keep(log)
        if len(command) != 2 or Path(command[0]) != self._control.programs / "regen-runner" or command[1] not in IMPORTED:
            return start_program(command, env, folder, log)
        started = {name: value for name, value in env.items() if name.startswith(_READ_AT_START)}
        key = (command[1], *(f"{name}={value}" for name, value in sorted(started.items())))
        if key not in self._processes:
            # By this variable the keeper finds it, and all that it forks, where the node agent is killed.
            started[TERMINATION_LOG] = env[TERMINATION_LOG]
            self._processes[key] = _Warm(self._control.folder, command[1], started)
        return self._processes[key].fork(env, folder, log)


class _Warm:
    """One process that forks, by its socket."""

    def __init__(self, control: Path, part: str, env: Mapping[str, str]) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.settimeout(_ANSWER_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_PROGRAM), str(control), part],
                env=dict(env),
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def fork(self, env: Mapping[str, str], folder: Path, log: Path) -> Child:
        answer = self._asked({"env": dict(env), "folder": str(folder), "log": str(log)})
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return _Forked(self, answer["pid"])

    def reap(self, pid: int) -> int:
        return os.waitstatus_to_exitcode(self._asked({"reap": pid})["status"])

    def close(self) -> None:
        self._orders.close()
        self._process.wait(_ANSWER_SECONDS)

    def _asked(self, order: dict[str, Any]) -> dict[str, Any]:
        self._orders.send(json.dumps(order).encode())
        answer: dict[str, Any] = json.loads(self._orders.recv(MAX_ORDER_BYTES))
        return answer


class _Forked:
    """A ``Child``."""

    def __init__(self, parent: _Warm, pid: int) -> None:
        self._parent = parent
        self.pid = pid

    def wait(self) -> int:
        return self._parent.reap(self.pid)
