"""What the kernel says of a process that runs (``proc(5)``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

TICK_SECONDS: Final = 1 / os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """What ``/proc/<pid>/stat`` says of a process: its name, its start in ticks, its user and system seconds so far."""

    program: str
    start: int
    seconds: float


def spent(stat: str) -> Spent:
    """Reads the text of such a file."""
    head, _, tail = stat.rpartition(")")  # the name may hold anything
    fields = tail.split()
    return Spent(head.partition("(")[2], int(fields[19]), (int(fields[11]) + int(fields[12])) * TICK_SECONDS)


class Process:
    """The process ``pid``, all its threads."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc", str(pid))

    def mib(self) -> float:
        """Resident memory now."""
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024

    def cpu_seconds(self) -> float:
        """User and system time so far, in steps of 10 ms."""
        return spent((self._folder / "stat").read_text()).seconds
