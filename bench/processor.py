"""The processor time of the whole machine, and which programs took it (``proc(5)``)."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICK = 1 / os.sysconf("SC_CLK_TCK")
SHORT_LIVED = "ended meanwhile"
"""Processes that a later reading does not find: of a node, its runc, shims and containers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds since the machine's start: ``busy`` of all cores together, ``processes`` by (pid, program)."""

    busy: float
    processes: dict[tuple[int, str], float]

    @classmethod
    def now(cls) -> Self:
        """One of this moment."""
        user, nice, system, _idle, _iowait, irq, softirq = (
            int(ticks) for ticks in Path("/proc/stat").read_text().partition("\n")[0].split()[1:8]
        )
        processes = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                text = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            head, _, tail = text.rpartition(")")
            fields = tail.split()
            processes[int(folder.name), head.partition("(")[2]] = (int(fields[11]) + int(fields[12])) * _TICK
        return cls((user + nice + system + irq + softirq) * _TICK, processes)

    def since(self, before: Reading) -> Counter[str]:
        """Program → seconds between two readings; what is in none of the later one's processes is ``SHORT_LIVED``."""
        spent: Counter[str] = Counter()
        for key, seconds in self.processes.items():
            spent[key[1]] += seconds - before.processes.get(key, 0.0)
        spent[SHORT_LIVED] = max(0.0, self.busy - before.busy - spent.total())
        return spent
