"""Nothing survives: a small process that outlives kubelite by a moment and ends whatever it left behind.

``PR_SET_PDEATHSIG`` would end only the direct children, and costs a fork of the whole process per launch. The keeper holds the
reading end of a pipe; when kubelite ends, however it ends, the pipe closes, and the keeper kills every process whose initial
environment carries kubelite's mark, then removes the folder.

Run as ``python -I -S keeper.py <folder>``, so it imports the standard library alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

TERMINATION_LOG: Final = "REGEN_TERMINATION_LOG"
"""Names a container's termination message file; its value lies beneath kubelite's folder and so marks the container."""
MARK: Final = "DEVCLUSTER_FOLDER"
"""Marks every other process of the stack: the variable's value is kubelite's folder."""
ROUNDS: Final = 5
"""A process may fork while we look; each round finds what the one before missed."""


class Keeper:
    """The keeper of ``folder``: started by ``start``; ``stop`` ends it, after it killed what is left and removed the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(self._folder)],
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Ends the keeper after its last look; returns when all is gone. Safe to repeat."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        process.wait()


def end_marked(folder: Path) -> None:
    """Kills every process that carries the mark of ``folder``."""
    marks = (f"{TERMINATION_LOG}={folder}/".encode(), f"{MARK}={folder}\0".encode())
    for _ in range(ROUNDS):
        found = [pid for pid in _processes() if pid != os.getpid() and _carries(pid, marks)]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _carries(pid: int, marks: tuple[bytes, ...]) -> bool:
    try:
        environment = b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or another user's
        return False
    return any(b"\0" + mark in environment for mark in marks)


def _keep(folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()  # returns when kubelite is gone
    end_marked(folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
