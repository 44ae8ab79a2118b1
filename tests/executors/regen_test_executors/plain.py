"""Probes that end quickly, slowly or badly."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, ClassVar

from regen_executors.interface import Artifact, ExecutionResult, InvalidInput

if TYPE_CHECKING:
    from regen_executors.interface import Instruction

_NOTHING = ExecutionResult((Artifact("noop.txt", "text/plain; charset=utf-8", b"noop\n"),))


class NoopProbe:
    """Makes one tiny artifact, ``noop.txt``, and says ``inputs.says``."""

    type: ClassVar[str] = "probe_noop"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Whatever the inputs are."""
        sys.stdout.write(str(instruction.inputs.get("says", "")))
        return _NOTHING


class CountProbe:
    """Appends a line to a file outside of the pod, then makes the artifacts that ``inputs.artifacts`` names, or ``noop.txt``.

    The sandbox lets no executor open such a file; where somebody opened it before the sandbox was put on,
    ``PROBE_STARTS_FD`` is its descriptor. The line is ``inputs.job``. With ``inputs.fail`` it raises after that, with
    ``inputs.seconds`` it sleeps.
    """

    type: ClassVar[str] = "probe_count"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Each artifact holds its own name, and what all sources hold."""
        inputs = instruction.inputs
        if descriptor := os.environ.get("PROBE_STARTS_FD"):
            os.write(int(descriptor), f"{inputs['job']}\n".encode())
        sys.stderr.write(str(inputs.get("says", "")))
        time.sleep(float(inputs.get("seconds", 0)))
        if inputs.get("fail"):
            msg = "probe_count raised, as it was asked to"
            raise RuntimeError(msg)
        if "artifacts" not in inputs:
            return _NOTHING
        read = b"".join(path.read_bytes() for _, path in sorted(instruction.sources.items()))
        made = [Artifact(name, "text/plain; charset=utf-8", name.encode() + read) for name in inputs["artifacts"]]
        return ExecutionResult(tuple(made))


class CrashProbe:
    """Raises, or refuses its inputs when ``inputs.as`` is ``invalid``."""

    type: ClassVar[str] = "probe_crash"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Says ``inputs.says`` and never returns."""
        sys.stderr.write(str(instruction.inputs.get("says", "")))
        if instruction.inputs.get("as") == "invalid":
            raise InvalidInput("inputs.as", "expected anything else")
        msg = str(instruction.inputs.get("message", "probe_crash raised, as it was asked to"))
        raise RuntimeError(msg)


class ExitProbe:
    """Ends its process with ``inputs.code`` (default 1), or by signal ``inputs.signal``, without a word."""

    type: ClassVar[str] = "probe_exit"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Never returns."""
        if "signal" in instruction.inputs:
            os.kill(os.getpid(), int(instruction.inputs["signal"]))
        os._exit(int(instruction.inputs.get("code", 1)))


class SleepProbe:
    """Sleeps ``inputs.seconds``, then does as ``probe_noop``."""

    type: ClassVar[str] = "probe_sleep"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """The sleep is the point: tests of deadlines and kills need an executor that is still running."""
        time.sleep(float(instruction.inputs.get("seconds", 1)))
        return _NOTHING
