"""What the tests and the programs under test share: a folder with the plan, the points passed and the executors' starts."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CRASH = Path(__file__).resolve().parent / "crash.py"
_KILLED = "killed "


class Control:
    """One ``folder``. ``programs`` holds regen's programs, each run by ``crash.py``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir(parents=True)
        for name in ("regen-operator", "regen-runner", "regen"):
            words = [sys.executable, str(CRASH), str(folder), name]
            script = self.programs / name
            script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            script.chmod(0o755)
        self.plan()

    def plan(self, points: Iterable[str] = ()) -> None:
        """Forgets what was, kept logs included, and arms ``points``."""
        killed = self.folder / "killed"
        killed.mkdir(exist_ok=True)
        for marker in killed.iterdir():
            marker.unlink()
        for name in ("passed", "starts"):
            (self.folder / name).write_bytes(b"")
        shutil.rmtree(self.folder / "pods", ignore_errors=True)
        (self.folder / "plan").write_text("".join(f"{point}\n" for point in points))

    def keep(self, log: Path) -> None:
        """A second name, ``pods/<uid>/logs/<container>``, for a container's log: the node agent removes the first with the pod.

        It takes no room but the log's own, and is gone with the next plan.
        """
        kept = self.folder / "pods" / log.parent.parent.name / log.parent.name / log.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        with suppress(FileExistsError):
            kept.hardlink_to(log)

    @property
    def planned(self) -> set[str]:
        """The points that are armed."""
        return set(self._lines("plan"))

    @property
    def passed(self) -> set[str]:
        """Every point that a process passed."""
        return {line for line in self._lines("passed") if not line.startswith(_KILLED)}

    @property
    def killed(self) -> list[str]:
        """Every point at which a process died, once for each death."""
        return [line.removeprefix(_KILLED) for line in self._lines("passed") if line.startswith(_KILLED)]

    @property
    def starts(self) -> Counter[str]:
        """Job id → executor starts."""
        return Counter(self._lines("starts"))

    def _lines(self, name: str) -> list[str]:
        return (self.folder / name).read_text().splitlines()
