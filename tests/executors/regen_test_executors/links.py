"""A probe that leaves in ``out`` what publish must not read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from regen_executors.interface import Artifact, ExecutionResult

if TYPE_CHECKING:
    from regen_executors.interface import Instruction


class LinksProbe:
    """Leaves ``inputs.name`` (default ``link.txt``) as ``inputs.kind``, and names it as its artifact.

    Kinds: ``symlink`` and ``hardlink`` to ``inputs.target`` (default ``/etc/passwd``; a hard link's default is a file of our
    own), ``fifo``, ``folder``, ``missing``, ``outside`` (the body is a path beyond ``out``).
    """

    type: ClassVar[str] = "probe_links"
    version: ClassVar[str] = "1"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Raises the OSError where the sandbox does not let it make the link."""
        kind = instruction.inputs["kind"]
        path = instruction.out / str(instruction.inputs.get("name", "link.txt"))
        if kind == "outside":
            path = Path(str(instruction.inputs.get("target", "/etc/passwd")))
        elif kind != "missing":
            _leave(path, kind, instruction.inputs.get("target"))
        return ExecutionResult((Artifact(str(instruction.inputs.get("name", "link.txt")), "text/plain", path),))


def _leave(path: Path, kind: str, target: str | None) -> None:
    if kind == "symlink":
        path.symlink_to(target or "/etc/passwd")
    elif kind == "hardlink":
        if target is None:
            first = path.with_name("first.txt")
            first.write_bytes(b"two names\n")
            target = str(first)
        path.hardlink_to(target)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        msg = f"inputs.kind: expected symlink, hardlink, fifo, folder, missing or outside, got {kind!r}"
        raise ValueError(msg)
