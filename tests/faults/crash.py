"""Runs one of regen's programs as it is, and kills it with SIGKILL where it is told to.

``crash.py FOLDER PROGRAM [ARGUMENT…]``. ``FOLDER/plan`` names crash points, one a line; each point that is passed becomes a
line of ``FOLDER/passed``; a point of the plan kills the process there, the first time (markers in ``FOLDER/killed``).
Executors get the descriptor of ``FOLDER/starts``, opened before the sandbox is put on. Only the standard library.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # at the end: nothing of the tree's top hides a module of the program's
try:
    from tests.faults.seams import SEAMS
finally:
    sys.path.remove(str(ROOT))

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo
    from types import ModuleType

    from tests.faults.seams import Seam

PROGRAMS = {
    "regen-operator": "regen_operator.main",
    "regen-runner": "regen_runner.main",
    "regen": "regen_cli.main",
}
_COROUTINE = 0x80


class Points:
    """What was passed, and whether to die there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.open()

    def open(self) -> None:
        """Opens the files; again in a child that closed every descriptor, for as long as files can be opened."""
        self._passed = os.open(self._folder / "passed", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        planned = (self._folder / "plan").read_text(encoding="utf-8").split()
        self._armed = {point for point in planned if not (self._folder / "killed" / point).exists()}

    def open_starts(self) -> None:
        """Gives the executor its descriptor."""
        starts = os.open(self._folder / "starts", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.environ["PROBE_STARTS_FD"] = str(starts)

    def passed(self, point: str) -> None:
        """Takes the point down, and dies there where it is planned."""
        os.write(self._passed, f"{point}\n".encode())
        if point in self._armed and self._first(point):
            os.write(self._passed, f"killed {point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def _first(self, point: str) -> bool:
        try:
            os.close(os.open(self._folder / "killed" / point, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        except PermissionError:
            return True  # in the sandbox: what was there when it was put on decides
        return True


class Finder:
    """Finds the modules that have seams and wraps them once they are loaded."""

    def __init__(self, seams: Sequence[Seam], points: Points) -> None:
        self._points = points
        self._seams: dict[str, list[Seam]] = {}
        for seam in seams:
            self._seams.setdefault(seam.target.partition(":")[0], []).append(seam)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """As the import system asks."""
        if name not in self._seams:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            for seam in self._seams[name]:
                wrap(module, seam, self._points)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def wrap(module: ModuleType, seam: Seam, points: Points) -> None:
    """Puts a point before and after every call of the seam."""
    *owners, name = seam.target.partition(":")[2].split(".")
    owner: Any = module
    for part in owners:
        owner = getattr(owner, part)
    setattr(owner, name, _wrapped(getattr(owner, name), seam, points))


def _wrapped(real: Callable[..., Any], seam: Seam, points: Points) -> Callable[..., Any]:
    def pass_by(when: str, effect: str | None) -> None:
        if effect is not None:
            points.passed(f"{seam.program}.{when}_{effect}")

    async def call_async(*arguments: Any, **named: Any) -> Any:
        effect = seam.effect(arguments, named)
        pass_by("before", effect)
        answer = await real(*arguments, **named)
        pass_by("after", effect)
        return answer

    def call(*arguments: Any, **named: Any) -> Any:
        if seam.in_sandbox:
            points.open()
            points.open_starts()
        effect = seam.effect(arguments, named)
        pass_by("before", effect)
        answer = real(*arguments, **named)
        pass_by("after", effect)
        return answer

    return call_async if real.__code__.co_flags & _COROUTINE else call


def shift_clock(seconds: float) -> None:
    """The operator's own clock is wrong. One module of it reads the time of day: the lease's."""
    lease = importlib.import_module("regen_operator.kube.lease")

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    lease.datetime = Shifted  # type: ignore[attr-defined]


def watch_for(part: str, folder: Path) -> Points:
    """Puts the points of ``part`` around its seams as its modules are loaded; ``folder`` is the control folder."""
    points = Points(folder)
    sys.meta_path.insert(0, Finder([seam for seam in SEAMS if seam.program == part], points))  # type: ignore[arg-type]
    return points


def main() -> None:
    """Runs the program."""
    folder, program, *arguments = sys.argv[1:]
    watch_for({"regen-operator": "operator"}.get(program) or (arguments[0] if arguments else ""), Path(folder))
    sys.argv = [program, *arguments]
    if program == "regen-operator" and (offset := os.environ.pop("FAULTS_CLOCK_SECONDS", "")):
        shift_clock(float(offset))
    importlib.import_module(PROGRAMS[program]).main()


if __name__ == "__main__":
    main()
