"""What the kernel says of a process that runs (``proc(5)``)."""

from __future__ import annotations

import os
from pathlib import Path


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
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
