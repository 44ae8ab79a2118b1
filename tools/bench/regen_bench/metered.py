"""Runs programs under ``tools/bench/regen_bench/meter.py``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

METER = Path(__file__).with_name("meter.py")
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run took. ``status`` is negative where a signal ended it; CPU is user and system time of all its processes."""

    status: int
    cpu_seconds: float
    peak_bytes: int
    errors: str


class Metered:
    """A program that runs."""

    def __init__(self, process: subprocess.Popen[bytes], answer: Path, errors: Path) -> None:
        self._process = process
        self._answer = answer
        self._errors = errors

    def cut(self) -> Usage:
        """Kills the program now."""
        self._process.terminate()
        return self.ended()

    def ended(self) -> Usage:
        """Waits until the program has ended by itself.

        Raises:
            RuntimeError: the program could not be run.
            subprocess.TimeoutExpired: it does not end.
        """
        self._process.wait(PATIENCE_SECONDS)
        errors = self._errors.read_text(errors="replace")
        if not self._answer.exists():
            raise RuntimeError(f"expected the meter to answer, got: {errors[-2000:]}")
        return Usage(**json.loads(self._answer.read_text()), errors=errors)

    @property
    def is_over(self) -> bool:
        """Whether the program has ended."""
        return self._process.poll() is not None


@contextmanager
def metered(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path | None = None) -> Iterator[Metered]:
    """Starts ``command`` (an absolute path first) with exactly ``environment``; it is gone at the end."""
    with tempfile.TemporaryDirectory() as scratch:
        answer, errors = Path(scratch, "answer"), Path(scratch, "errors")
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", METER, answer, *command],
                env=dict(environment),
                cwd=folder or scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            yield Metered(process, answer, errors)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
