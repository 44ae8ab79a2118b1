"""Ways in which a run may end."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from regen_executors.interface import Artifact, Capped, ExecutionResult, InvalidInput

if TYPE_CHECKING:
    from regen_executors.interface import Instruction


def good(instruction: Instruction) -> ExecutionResult:
    """One artifact from memory and one from a file, made of input and source."""
    (instruction.out / "large.bin").write_bytes(instruction.sources["data"].read_bytes())
    text = str(instruction.inputs["text"]).encode()
    return ExecutionResult(
        (
            Artifact("small.txt", "text/plain", text),
            Artifact("large.bin", "application/octet-stream", instruction.out / "large.bin"),
        )
    )


def invalid(instruction: Instruction) -> NoReturn:
    raise InvalidInput("inputs.rows", "expected a number above 0")


def capped(instruction: Instruction) -> NoReturn:
    raise Capped("inputs.rows", "at most 10 rows")


def crash(instruction: Instruction) -> NoReturn:
    raise ZeroDivisionError("half of \0nothing \udc80")


def crash_with_a_secret(instruction: Instruction) -> NoReturn:
    """As clients of services do: with the address that was asked in the message, and the key in the exception's cause too."""
    key = os.environ["EXECUTOR_KEY"]
    try:
        Path(key).read_bytes()
    except OSError as error:
        msg = f"https://provider.example/?key={quote(key)} refused {key}"
        raise RuntimeError(msg) from error
    raise AssertionError


def invalid_with_a_secret(instruction: Instruction) -> NoReturn:
    key = os.environ["EXECUTOR_KEY"]
    raise InvalidInput(f"inputs.{key}", f"expected another key than {key}")


def deep_crash(instruction: Instruction) -> NoReturn:
    _descend(200)


def _descend(levels: int) -> NoReturn:
    if levels == 0:
        raise LookupError("x" * 100_000)
    if levels % 2:
        _descend(levels - 1)
    _descend(levels - 1)


def segfault(instruction: Instruction) -> Any:
    return ctypes.string_at(0)


def kill_itself(instruction: Instruction) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(instruction: Instruction) -> NoReturn:
    os._exit(3)


def leave_politely(instruction: Instruction) -> NoReturn:
    sys.exit("enough")


def hang(instruction: Instruction) -> NoReturn:
    """Says its process id and waits, deaf to what can be ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(f"pid {os.getpid()}", flush=True)  # noqa: T201
    threading.Event().wait()
    raise AssertionError


def eat_memory(instruction: Instruction) -> int:
    return len(bytearray(instruction.inputs["bytes"]))


def write_much(instruction: Instruction) -> None:
    (instruction.out / "much").write_bytes(bytes(instruction.inputs["bytes"]))


def flood(instruction: Instruction) -> str:
    """``inputs.bytes`` of log."""
    line = "log " * 256 + "\n"
    for _ in range(instruction.inputs["bytes"] // len(line)):
        sys.stdout.write(line)
    return "flooded"


def endless_flood(instruction: Instruction) -> NoReturn:
    while True:
        os.write(2, b"log " * 1024)


def many_artifacts(instruction: Instruction) -> ExecutionResult:
    return ExecutionResult(tuple(Artifact(f"a{n}", "x" * 200, b"") for n in range(8000)))


def huge_media_type(instruction: Instruction) -> ExecutionResult:
    return ExecutionResult((Artifact("a", "x" * (2 << 20), b""),))


def no_artifacts(instruction: Instruction) -> ExecutionResult:
    return ExecutionResult(())


def nothing(instruction: Instruction) -> Any:
    return ExecutionResult(None)  # type: ignore[arg-type]


def same_name_twice(instruction: Instruction) -> ExecutionResult:
    return ExecutionResult((Artifact("a", "text/plain", b"1"), Artifact("a", "text/plain", b"2")))


def path_as_name(instruction: Instruction) -> ExecutionResult:
    return ExecutionResult((Artifact("../result/envelope.json", "text/plain", b"1"),))


def body_elsewhere(instruction: Instruction) -> ExecutionResult:
    return ExecutionResult((Artifact("a", "text/plain", Path("/usr/bin/env")),))


def forge_report(instruction: Instruction) -> NoReturn:
    """Finds the report pipe among the open descriptors and writes to it."""
    for descriptor in range(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0]):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, instruction.inputs["text"].encode())
                os._exit(0)
        except OSError:
            continue
    os._exit(4)


def talk(instruction: Instruction) -> ExecutionResult:
    """Says ``inputs.out`` and ``inputs.err``, and fails where ``inputs.fails`` says so."""
    sys.stdout.write(str(instruction.inputs["out"]))
    sys.stdout.flush()
    sys.stderr.write(str(instruction.inputs["err"]))
    sys.stderr.flush()
    if instruction.inputs.get("fails"):
        msg = "it was told to"
        raise RuntimeError(msg)
    return ExecutionResult((Artifact("said.txt", "text/plain", b"said"),))
