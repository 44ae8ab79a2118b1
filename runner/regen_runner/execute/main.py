"""``regen-runner execute``: runs one executor once, in its sandbox, and leaves an envelope (docs/architecture.md, step 6).

Exit status: 0 whenever there is an envelope, failures included; 64 without prepare's go-file, and where a start mark says
that this pod ran its executor already (rule R3); 143 when it was told to stop, with no envelope, because whoever stops a
pod says what became of the job; 1 where not even an envelope could be written.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from regen_core.envelope import ENVELOPE_NAME
from regen_core.errors import Classification, JobError, RegenError, SettingsInvalid
from regen_core.names import EXIT_FENCED, LOG_NAME
from regen_runner.execute.settings import folder, parse_settings
from regen_runner.execute.verdict import Verdict, envelope, judge

if TYPE_CHECKING:
    from pathlib import Path

    from regen_runner.execute.settings import ExecuteSettings
    from regen_runner.execute.supervisor import Outcome

GO_NAME: Final = "go"
START_MARK_NAME: Final = "started"
EXIT_TROUBLE: Final = 1
_STANDARD_ERROR: Final = 2
_TERMINATION_LOG: Final = "/dev/termination-log"


def main() -> int:
    """Runs the program; returns its exit status."""
    started_at = _now()
    try:
        inputs, result = folder(os.environ, "REGEN_IN_DIR"), folder(os.environ, "REGEN_RESULT_DIR")
        refusal = _enter(inputs, result)
    except (SettingsInvalid, OSError) as error:
        return _leave(EXIT_TROUBLE, f"execute: {error}")
    if refusal is not None:
        return _leave(EXIT_FENCED, f"execute: {refusal}")
    verdict, outcome = _run()
    if outcome is not None and outcome.interrupted_by:
        name = signal.Signals(outcome.interrupted_by).name
        return _leave(128 + outcome.interrupted_by, f"execute: stopped by {name}; the executor was killed")
    if outcome is not None:
        _keep_log(result, outcome)
    usage = outcome.usage if outcome is not None else {}
    job_type = os.environ.get("REGEN_JOB_TYPE", "")
    try:
        _write_durably(result, ENVELOPE_NAME, envelope(verdict, job_type, started_at, _now(), usage))
    except OSError as error:
        return _leave(EXIT_TROUBLE, f"execute: the envelope cannot be written: {error}")
    return _leave(0, _summary(verdict))


def _enter(inputs: Path, result: Path) -> str | None:
    """Sets the start mark, or says why this container must do nothing.

    Raises:
        OSError: the result folder cannot be written.
    """
    if not (inputs / GO_NAME).is_file():
        return f"no go-file in {inputs}: prepare did not let this pod start"
    try:
        mark = os.open(result / START_MARK_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
    except FileExistsError:
        return f"{START_MARK_NAME} exists in {result}: this pod ran its executor already"
    os.fsync(mark)
    os.close(mark)
    _sync_folder(result)
    return None


def _run() -> tuple[Verdict, Outcome | None]:
    """Supervises the executor; what goes wrong on our side is a verdict too."""
    try:
        settings = parse_settings(os.environ)
        outcome = _supervised(settings)
        return judge(outcome, settings.time_limit_seconds, os.environ), outcome
    except RegenError as error:
        return Verdict(error=error.as_job_error()), None
    except Exception as error:  # noqa: BLE001 - there must be an envelope, whatever happened
        message = f"the supervisor failed: {type(error).__name__}: {error}"
        return Verdict(error=JobError(Classification.INTERNAL, message)), None


def _supervised(settings: ExecuteSettings) -> Outcome:
    # Only what runs an executor loads ctypes and the like; a container that is fenced out starts nothing.
    from regen_runner.execute.child import run_child  # noqa: PLC0415
    from regen_runner.execute.supervisor import supervise  # noqa: PLC0415

    return supervise(lambda report: run_child(settings, report), settings.time_limit_seconds)


def _keep_log(result: Path, outcome: Outcome) -> None:
    """Leaves what the executor wrote to publish. A run does not fail for want of its log."""
    content = outcome.log.content(os.environ)
    if content:
        with suppress(OSError):
            _write_durably(result, LOG_NAME, content)


def _write_durably(result: Path, name: str, data: bytes) -> None:
    """The file appears whole or not at all, and survives the node's crash once this returns."""
    draft = result / f".{name}.draft"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(result / name)
    _sync_folder(result)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _summary(verdict: Verdict) -> str:
    if verdict.error is None:
        return f"execute: done, {len(verdict.artifacts)} artifact(s)"
    return f"execute: {verdict.error.classification}: {verdict.error.message}"


def _leave(status: int, message: str) -> int:
    """Says ``message`` on standard error and, where there is one, in the container's termination log; returns ``status``."""
    line = " ".join(message.split())[:1024] + "\n"
    poll = select.poll()
    poll.register(_STANDARD_ERROR, select.POLLOUT)
    # Past Python's buffer and never waiting: a log without a reader must change neither the exit status nor the time.
    with suppress(OSError):
        if poll.poll(0):
            os.write(_STANDARD_ERROR, line.encode())
    log = os.environ.get("REGEN_TERMINATION_LOG", _TERMINATION_LOG)
    # Opened without O_CREAT: outside of a container nobody reads it.
    with suppress(OSError), os.fdopen(os.open(log, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC), "w", encoding="utf-8") as file:
        file.write(line)
    return status


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
