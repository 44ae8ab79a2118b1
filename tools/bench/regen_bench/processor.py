"""The processor time of the whole machine, and which programs took it (``proc(5)``)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from regen_bench.process import TICK_SECONDS, Spent, spent

SHORT_LIVED = "ended meanwhile"
"""Processes that a later reading does not find: of a node, its runc, shims and containers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds since the machine's start: ``busy`` of all cores together, ``processes`` by pid and start.

    These two name one for good; a worker of the kernel takes the name of its work.
    """

    busy: float
    processes: dict[tuple[int, int], Spent]

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
                one = spent((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
            processes[int(folder.name), one.start] = one
        return cls((user + nice + system + irq + softirq) * TICK_SECONDS, processes)

    def since(self, before: Reading) -> Counter[str]:
        """Program → seconds between two readings; what is in none of the later one's processes is ``SHORT_LIVED``."""
        seconds: Counter[str] = Counter()
        for key, one in self.processes.items():
            earlier = before.processes.get(key)
            program = one.program.partition("/")[0]  # kworker/u8:1 and all its kind are one
            seconds[program] += one.seconds - (earlier.seconds if earlier else 0.0)
        seconds[SHORT_LIVED] = max(0.0, self.busy - before.busy - seconds.total())
        return seconds
