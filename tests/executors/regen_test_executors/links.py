"""A probe that leaves in ``out`` what publish must not read."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from regen_executors.interface import Artifact, ExecutionResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_executors.interface import Instruction

_DEVICES = {"character": (stat.S_IFCHR, 1, 3), "block": (stat.S_IFBLK, 7, 0)}


class LinksProbe:
    """Leaves ``inputs.name`` (default ``link.txt``) as ``inputs.kind``, and names it as its artifact.

    Kinds: ``symlink`` and ``hardlink`` to ``inputs.target`` (default ``/etc/passwd``; a hard link's default is a file of our
    own), ``fifo``, ``character`` and ``block`` (device nodes: the null device, the first loop device), ``socket``, ``folder``,
    ``many`` (``inputs.count`` files beside it), ``missing``, ``outside`` (the body is a path beyond ``out``).
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
            _leave(path, kind, instruction.inputs)
        return ExecutionResult((Artifact(str(instruction.inputs.get("name", "link.txt")), "text/plain", path),))


def _leave(path: Path, kind: str, inputs: Mapping[str, Any]) -> None:
    target = inputs.get("target")
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
    elif kind in _DEVICES:
        os.mknod(path, _DEVICES[kind][0] | 0o666, os.makedev(*_DEVICES[kind][1:]))
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif kind == "many":
        path.write_bytes(b"one of many\n")
        for number in range(int(inputs["count"])):
            path.with_name(f"{number}.txt").touch()
    else:
        msg = f"inputs.kind: expected one of those of LinksProbe, got {kind!r}"
        raise ValueError(msg)
