"""What a soak says: a line of progress now and then, and the table at its end or at its interruption."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from regen_verify import Invariant
from tests.faults.evidence import LOOKED_AT


@dataclass(slots=True)
class Report:
    """What a soak found.

    Attributes:
        seconds: from the first insert to the last job's end.
        ends: how many jobs ended how.
        faults: how often each fault came.
        duplicates: jobs whose executor started more than once.
        lost: jobs that did not end, or whose row is gone.
        violations: what does not hold, ``<job>: <invariant>: <what>`` each, that of duplicates included.
    """

    seconds: float
    ends: Counter[str]
    faults: Counter[str]
    duplicates: int
    lost: int
    violations: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The whole of it, in lines."""
        by_invariant = Counter(line.partition(": ")[2].partition(": ")[0] for line in self.violations)
        jobs = self.ends.total() + self.lost
        lines = [f"{jobs} jobs in {self.seconds:.0f} s, {jobs / self.seconds:.2f} jobs/s", "", "how they ended"]
        lines += [f"  {end:<24}{count:>7}" for end, count in sorted(self.ends.items())]
        lines += ["faults"] + [f"  {name:<24}{count:>7}" for name, count in sorted(self.faults.items())]
        lines += ["invariants, violations of each"]
        lines += [f"  {one.value:<24}{by_invariant[one.value]:>7}" for one in Invariant if one in LOOKED_AT]
        other = len(self.violations) - sum(by_invariant[one.value] for one in LOOKED_AT)
        lines += [f"  {'of none of these':<24}{other:>7}"] if other else []
        lines += [f"  {one.value:<24}  not looked at" for one in Invariant if one not in LOOKED_AT]
        lines += [f"duplicates {self.duplicates}, lost {self.lost}, violations {len(self.violations)}", *self.violations[:50]]
        return "\n".join(lines)


def progress(ended: int, count: int, seconds: float, faults: int, recent: float) -> str:
    """One line: jobs, rate, what is left, faults.

    Args:
        ended: jobs that have ended.
        count: jobs that shall.
        seconds: since the first was inserted.
        faults: so far.
        recent: jobs per second since the line before.
    """
    rate = ended / seconds if seconds else 0.0
    left = f"{(count - ended) / rate / 60:.0f} min left" if rate else "no rate yet"
    return f"{ended} of {count} jobs ended, {rate:.2f} jobs/s, now {recent:.2f}, {left}, {faults} faults"


def interrupted(seed: int, seconds: float, ends: Counter[str], faults: Counter[str], duplicates: int) -> str:
    """What a soak had that did not come to its end; the invariants of it were not checked."""
    lines = [f"interrupted after {seconds:.0f} s, seed {seed}: {ends.total()} jobs had ended, duplicates {duplicates}"]
    lines += [f"  {end:<24}{number:>7}" for end, number in sorted(ends.items())]
    lines += [f"{faults.total()} faults"] + [f"  {name:<24}{number:>7}" for name, number in sorted(faults.items())]
    return "\n".join([*lines, "the invariants were not checked"])
