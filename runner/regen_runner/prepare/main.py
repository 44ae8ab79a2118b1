"""``regen-runner prepare``: takes the job's fence, then lets the executor start (docs/architecture.md, step 5).

The order is the point. Nothing is written before the fence is ours; the go-file is written last, once everything that the
executor needs is there. A process that finds the fence taken neither succeeds (its ``execute`` would start) nor fails while
the job runs (the Job controller would end the good pod): it waits until the job has ended. SIGTERM ends the process at once
and reports nothing: whoever stops a pod says what became of the job.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from regen_core.errors import (
    Classification,
    DatabaseUnavailable,
    FenceTaken,
    JobError,
    RegenError,
    SettingsInvalid,
)
from regen_core.names import EXIT_FENCED
from regen_core.states import Start
from regen_runner.database import RunnerDatabase
from regen_runner.files import create
from regen_runner.logs import flush_log, log, log_to_stdout, log_trace, write_termination_message
from regen_runner.report import log_unavailable, report_failure
from regen_runner.retry import Patience, until_answered
from regen_runner.settings import PrepareSettings, termination_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

EXIT_TROUBLE: Final = 1
EXIT_SETTINGS: Final = 2
EXIT_JOB_FAILED: Final = 65
EXIT_TERMINATED: Final = 128 + signal.SIGTERM

INSTRUCTION_NAME: Final = "instruction.json"
SOURCES_NAME: Final = "sources"
GO_NAME: Final = "go"
NONCE_NAME: Final = "nonce"

_NEVER_OURS: Final = {
    "terminal": "the job has ended",
    "not_running": "the job is PENDING, so nobody may run it yet",
    "unknown": "there is no such job",
}


class NoStart(Exception):
    """This pod will not run the job; the text says why."""


def main() -> int:
    """Runs the program with the process's environment and answers its exit status."""
    try:
        settings = PrepareSettings.from_environment(os.environ)
        database = RunnerDatabase(settings.database_url, "regen-runner-prepare")
    except SettingsInvalid as error:
        sys.stderr.write(f"regen-runner prepare: {error}\n")
        write_termination_message(termination_log(os.environ), f"prepare: {error}")
        return EXIT_SETTINGS
    log_to_stdout(settings.job_id)

    def end(_signal: int, _frame: FrameType | None) -> None:
        write_termination_message(settings.termination_log, "prepare: ended by SIGTERM")
        os._exit(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, end)
    status, message = run(settings, database, os.environ)
    log("prepare ended", status=status, message=message)
    if status:
        write_termination_message(settings.termination_log, f"prepare: {message}")
    flush_log()
    return status


def run(settings: PrepareSettings, database: RunnerDatabase, environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit status, and one line that says why."""
    patience = Patience(time.monotonic() + settings.active_deadline_seconds)
    nonce = secrets.token_hex(32)
    try:
        instruction = _fenced_instruction(settings, database, nonce, patience)
    except NoStart as reason:
        return EXIT_FENCED, str(reason)
    except RegenError as error:
        return EXIT_TROUBLE, error.message
    log("fence taken")
    try:
        _furnish(settings, nonce, instruction, patience, environ)
    except RegenError as error:
        return _failed(settings, database, nonce, error.as_job_error(), patience)
    except Exception as error:  # noqa: BLE001 - the fence is ours: nobody else could end the job before its deadline
        log_trace("prepare failed", error)
        message = f"prepare: expected to write the executor's input, got {type(error).__name__}: {error}"
        return _failed(settings, database, nonce, JobError(Classification.INTERNAL, message), patience)
    return 0, "go"


def _fenced_instruction(settings: PrepareSettings, database: RunnerDatabase, nonce: str, patience: Patience) -> Any:
    """The instruction, as a JSON value, once the fence is ours.

    Asking again with the same nonce is harmless: where the answer to the first call was lost, the fence is ours already.

    Raises:
        NoStart: the job is not ours to run.
        DatabaseUnavailable: no answer until the deadline.
        DatabaseRefused: the database will never answer.
    """
    start = Start(job_id=settings.job_id, pod_uid=settings.pod_uid, pod_name=settings.pod_name, nonce=nonce)

    def ask() -> Any:
        answer = database.start(start)
        if answer.outcome == "started":
            return answer.instruction
        if answer.outcome == "fenced":
            msg = "another process has started this job"
            raise FenceTaken(msg)
        raise NoStart(_NEVER_OURS.get(answer.outcome, f"the database answered {answer.outcome}"))

    attempts_while_fenced = 0
    while True:
        try:
            return until_answered(ask, again=DatabaseUnavailable, patience=patience, on_failure=log_unavailable)
        except FenceTaken as error:
            if not attempts_while_fenced:
                log("fence is taken, waiting until the job has ended")
            if not patience.pause(attempts_while_fenced):
                msg = f"{error.message} and it has not ended before this pod's deadline"
                raise NoStart(msg) from error
            attempts_while_fenced += 1


def _furnish(settings: PrepareSettings, nonce: str, value: Any, patience: Patience, environ: Mapping[str, str]) -> None:
    """Writes nonce, sources and instruction, and the go-file last.

    Raises:
        ValidationFailed: the instruction or a source is wrong.
        SourceUnavailable: a source cannot be reached.
        OSError: a volume cannot be written.
    """
    from regen_core.canonical import canonical_json  # noqa: PLC0415 - a pod that is fenced out needs none of it
    from regen_core.instruction import parse_instruction  # noqa: PLC0415

    create(settings.trust_dir / NONCE_NAME, nonce.encode("ascii"), 0o400)
    instruction = parse_instruction(value)
    content = canonical_json(value)
    if instruction.sources:
        from regen_runner.prepare.sources import SourceLimits, fetch_sources  # noqa: PLC0415

        limits = SourceLimits(
            max_bytes=settings.max_source_bytes,
            retry_seconds=settings.source_retry_seconds,
            deadline=time.monotonic() + patience.remaining(),
            policy=settings.source_policy,
        )
        fetch_sources(instruction.sources, settings.in_dir / SOURCES_NAME, limits, environ)
    else:
        (settings.in_dir / SOURCES_NAME).mkdir(mode=0o755)
    create(settings.in_dir / INSTRUCTION_NAME, content, 0o444)
    create(settings.in_dir / GO_NAME, b"", 0o444)


def _failed(
    settings: PrepareSettings, database: RunnerDatabase, nonce: str, error: JobError, patience: Patience
) -> tuple[int, str]:
    """Reports that the job failed before its executor started."""
    try:
        accepted = report_failure(database, settings.job_id, nonce, error, patience)
    except RegenError as trouble:
        return EXIT_TROUBLE, f"{error.message}; not reported: {trouble.message}"
    if not accepted:
        return EXIT_FENCED, f"{error.message}; the report was refused: someone else ended the job"
    return EXIT_JOB_FAILED, error.message
