"""A probe that does one forbidden thing as a careless program would: without catching the refusal."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from regen_executors.interface import Artifact, ExecutionResult

if TYPE_CHECKING:
    from regen_executors.interface import Instruction


class EscapeProbe:
    """Input ``attempt``: ``socket`` connects to ``address`` "host:port", ``passwd`` reads ``/etc/passwd``."""

    type: ClassVar[str] = "probe_escape"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Raises the refusal; an artifact of this type is proof that the sandbox leaks."""
        return ExecutionResult((Artifact("loot.txt", "text/plain", _loot(instruction)),))


def _loot(instruction: Instruction) -> bytes:
    if instruction.inputs["attempt"] == "passwd":
        return Path("/etc/passwd").read_bytes()
    host, _, port = str(instruction.inputs["address"]).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=2) as connection:
        return str(connection.getpeername()).encode()
