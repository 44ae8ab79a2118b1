"""Probes that take more than they should."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from regen_executors.interface import Artifact, ExecutionResult

if TYPE_CHECKING:
    from typing import BinaryIO

    from regen_executors.interface import Instruction

_CHUNK = 64 * 1024


class FloodProbe:
    """Writes ``inputs.bytes`` bytes to ``inputs.to``: ``out`` (a file; default), ``tmp`` (another), ``body`` (memory),
    ``stdout``, ``stderr``.

    With ``inputs.hold`` it keeps the file for so many seconds: a node measures its disk only now and then.
    """

    type: ClassVar[str] = "probe_flood"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """The artifact is ``flood.bin``; a log's flood makes a small one."""
        size, where = int(instruction.inputs["bytes"]), instruction.inputs.get("to", "out")
        if where == "body":
            return _made(b"x" * size)
        if where in {"stdout", "stderr"}:
            log = sys.stdout if where == "stdout" else sys.stderr
            _pour(log.buffer, size, b"x" * 1023 + b"\n")
            log.flush()
            return _made(b"done\n")
        path = (instruction.out if where == "out" else Path(tempfile.gettempdir())) / "flood.bin"
        with path.open("wb") as file:
            _pour(file, size, b"x" * _CHUNK)
        time.sleep(float(instruction.inputs.get("hold", 0)))
        if where == "tmp":
            return _made(b"done\n")
        return ExecutionResult((Artifact("flood.bin", "application/octet-stream", path),))


class MemoryProbe:
    """Takes ``inputs.bytes`` bytes of memory and touches each page."""

    type: ClassVar[str] = "probe_memory"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Ends in a MemoryError, or killed, where there is a limit below that."""
        size = int(instruction.inputs["bytes"])
        held = [bytearray(b"x") * (1 << 20) for _ in range(size >> 20)]
        return _made(f"{len(held)} MiB\n".encode())


def _made(body: bytes) -> ExecutionResult:
    return ExecutionResult((Artifact("flood.bin", "application/octet-stream", body),))


def _pour(file: BinaryIO, size: int, chunk: bytes) -> None:
    left = size
    while left > 0:
        left -= file.write(chunk[:left])
