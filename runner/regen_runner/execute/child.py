"""The child of the execute container: it sandboxes itself, then loads and runs the executor, then reports.

Two lines of JSON go up the pipe. The first is ours, written before any line of the executor ran: what the sandbox enforces,
or why there is no run. The second is what became of the run, and is as trustworthy as the executor.
"""

from __future__ import annotations

import errno
import json
import os
import random
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from regen_core.errors import Classification, RegenError
from regen_core.names import is_artifact_name
from regen_runner.execute import sandbox
from regen_runner.execute.settings import apply_environment

if TYPE_CHECKING:
    from regen_executors.interface import Artifact
    from regen_executors.interface import Instruction as Task
    from regen_runner.execute.settings import ExecuteSettings

INSTRUCTION_NAME: Final = "instruction.json"
SOURCES_NAME: Final = "sources"
SEED: Final = 0
MAX_TRACE_CHARACTERS: Final = 8 * 1024
_TOO_LARGE: Final = (errno.EFBIG, errno.ENOSPC, errno.EDQUOT)


class _Request(NamedTuple):
    """What ``instruction.json`` asks for; prepare has checked its shape."""

    inputs: dict[str, Any]
    sources: dict[str, Path]


class _BadResult(Exception):
    """The executor returned something that is no ``ExecutionResult``."""


class _BadOutput(Exception):
    """What the executor left is no acceptable output, as publish would find too."""


def run_child(settings: ExecuteSettings, report: int) -> None:
    """Everything that happens in the child, up to its report on descriptor ``report``."""
    os.umask(0o022)
    os.chdir(settings.tmp)
    apply_environment(settings.tmp)
    sys.dont_write_bytecode = True
    try:
        enforced = sandbox.apply(settings.policy)
        request = _read_request(settings)
    except RegenError as error:
        _send(report, {"sandbox": error.detail.pop("sandbox", {}), "failure": error.message, "detail": error.detail})
        return
    except Exception as error:  # noqa: BLE001 - whatever keeps the run from starting is told, and is not the executor's fault
        _send(report, {"sandbox": {}, "failure": f"the run could not be set up: {type(error).__name__}: {error}"})
        return
    _send(report, {"sandbox": enforced})
    random.seed(SEED)
    said = _run(settings, request)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue  # The executor closed or replaced it.
    _send(report, said)


def _read_request(settings: ExecuteSettings) -> _Request:
    instruction = json.loads((settings.inputs / INSTRUCTION_NAME).read_bytes())
    if instruction["type"] != settings.job_type:
        message = f"instruction.json is of type {instruction['type']!r}, REGEN_JOB_TYPE says {settings.job_type!r}"
        raise RegenError(message)
    names = [source["name"] for source in instruction.get("sources", [])]
    return _Request(dict(instruction["inputs"]), {name: settings.inputs / SOURCES_NAME / name for name in names})


def _run(settings: ExecuteSettings, request: _Request) -> dict[str, Any]:
    """The second line: ``{"ok": true, …}`` or ``{"ok": false, …}``. Raises nothing, whatever the executor does."""
    version = ""
    try:
        from regen_executors import discovery  # noqa: PLC0415 - nothing of the executors is loaded outside of the sandbox
        from regen_executors.interface import Instruction  # noqa: PLC0415 - as above

        executor = discovery.load(settings.job_type)
        version = str(executor.version)
        task: Task = Instruction(type=settings.job_type, inputs=request.inputs, sources=request.sources, out=settings.out)
        artifacts = _collect(executor.run(task), settings.out)
    except MemoryError:
        return _failure(version, Classification.RESOURCES, "the executor ran out of memory")
    except BaseException as error:  # noqa: BLE001 - the executor may raise anything, SystemExit too
        return {**_told(error), "version": version}
    return {"ok": True, "version": version, "artifacts": artifacts}


def _told(error: BaseException) -> dict[str, Any]:  # noqa: PLR0911 - a table
    """The failure that ``error`` means."""
    from regen_executors.interface import Capped, InvalidInput, Unavailable  # noqa: PLC0415 - already loaded by ``_run``

    text = f"{type(error).__name__}: {_text_of(error)}"
    match error:
        case InvalidInput():
            detail = {"field": str(error.field), "expected": str(error.expected)}
            return _failure("", Classification.VALIDATION, _text_of(error), detail)
        case Capped():
            return _failure("", Classification.CAPPED, _text_of(error), {"field": str(error.field), "limit": str(error.limit)})
        case Unavailable():
            return {**_failure("", Classification.EXECUTOR, _text_of(error)), "retryable": True}
        case RegenError(classification=Classification.VALIDATION):
            return _failure("", Classification.VALIDATION, error.message, {"field": "type"})
        case _BadOutput():
            return _failure("", Classification.OUTPUT, _text_of(error))
        case _BadResult() | RegenError():
            return _failure("", Classification.EXECUTOR, _text_of(error))
        case OSError(errno=number) if number in _TOO_LARGE:
            return _failure("", Classification.RESOURCES, f"the executor wrote more than its limits allow: {text}")
        case _:
            return _failure("", Classification.EXECUTOR, text, {"trace": _trace(error)})


def _failure(version: str, kind: Classification, message: str, detail: dict[str, str] | None = None) -> dict[str, Any]:
    return {"ok": False, "version": version, "classification": str(kind), "message": message, "detail": detail or {}}


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an exception whose own __str__ raises
        return "(it has no text)"


def _trace(error: BaseException) -> str:
    """The executor's frames, the end of them where they are many: what raised stands last."""
    import traceback  # noqa: PLC0415 - not needed where all goes well

    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except Exception:  # noqa: BLE001 - as in ``_text_of``
        return ""
    return text if len(text) <= MAX_TRACE_CHARACTERS else "…" + text[1 - MAX_TRACE_CHARACTERS :]


def _collect(result: Any, out: Path) -> list[dict[str, str]]:
    """Puts the artifacts that are bytes into ``out`` and names them all; publish looks at every file again.

    Raises:
        _BadOutput: a bad or repeated name, or a body that is no regular file of that name in ``out``.
        _BadResult: no artifact, or one that is not made as the interface says.
    """
    try:
        artifacts: list[Artifact] = list(result.artifacts)
    except (AttributeError, TypeError) as error:
        raise _BadResult(
            f"the executor returned {type(result).__name__}, expected an ExecutionResult with artifacts"
        ) from error
    if not artifacts:
        raise _BadResult("the executor returned no artifact, expected one or more")
    declared: dict[str, str] = {}
    for artifact in artifacts:
        name, media_type = getattr(artifact, "name", None), getattr(artifact, "media_type", None)
        if not isinstance(name, str) or not is_artifact_name(name) or name in declared:
            raise _BadOutput(f"artifact name: expected a file name of its own, got {name!r}")
        if not isinstance(media_type, str):
            raise _BadResult(f"artifact {name}: expected a media type, got {media_type!r}")
        _place(name, artifact.body, out)
        declared[name] = media_type
    return [{"name": name, "mediaType": media_type} for name, media_type in declared.items()]


def _place(name: str, body: Any, out: Path) -> None:
    path = out / name
    if isinstance(body, Path):
        if body != path or not path.exists() or not stat.S_ISREG(path.lstat().st_mode):
            raise _BadOutput(f"artifact {name}: expected its body to be bytes or a regular file {name} in the out folder")
        return
    if not isinstance(body, bytes | bytearray | memoryview):
        raise _BadResult(f"artifact {name}: expected its body to be bytes or a Path, got {type(body).__name__}")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "wb") as file:
        file.write(body)


def _send(report: int, value: dict[str, Any]) -> None:
    rest = memoryview(json.dumps(value).encode() + b"\n")
    while rest:
        rest = rest[os.write(report, rest) :]
