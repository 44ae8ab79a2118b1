"""Reports how a job ended, as often as it takes: the report is tried again, the run never (rule R7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regen_core.errors import DatabaseUnavailable, JobError
from regen_core.names import EXIT_FENCED
from regen_runner.logs import log
from regen_runner.retry import until_answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from regen_core.states import Complete
    from regen_runner.database import RunnerDatabase
    from regen_runner.retry import Patience

EXIT_REFUSED: Final = EXIT_FENCED
"""Someone else ended the job: what the database says stands."""

_ACCEPTED: Final = {"completed", "failed", "already"}


def report_completion(database: RunnerDatabase, complete: Complete, patience: Patience) -> bool:
    """Whether the job is COMPLETED by this report; False where it was refused.

    Raises:
        DatabaseUnavailable: no answer until patience ended.
        DatabaseRefused: the database will not take it.
    """
    return _reported(lambda: database.complete(complete), patience)


def report_failure(database: RunnerDatabase, job_id: str, nonce: str, error: JobError, patience: Patience) -> bool:
    """Whether the job is FAILED with ``error`` by this report; False where it was refused.

    Raises:
        DatabaseUnavailable: no answer until patience ended.
        DatabaseRefused: the database will not take it.
    """
    from regen_core.states import FailRun  # noqa: PLC0415 - only failures need it

    fail = FailRun(job_id=job_id, nonce=nonce, error=storable(error))
    return _reported(lambda: database.fail(fail), patience)


def log_unavailable(error: Exception, attempt: int) -> None:
    """The log line of an attempt that will be made again."""
    log("unavailable, trying again", error=str(error), attempt=attempt)


def storable(error: JobError) -> JobError:
    """``error`` in characters that jsonb can hold: an executor's message may contain NUL or half a surrogate pair."""
    cleaned = _clean(dict(error.detail))
    return JobError(error.classification, _clean(error.message), error.retryable, cleaned)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and value - value != 0:  # not finite: no JSON number
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else _clean(str(value))


def _reported(call: Callable[[], str], patience: Patience) -> bool:
    outcome = until_answered(call, again=DatabaseUnavailable, patience=patience, on_failure=log_unavailable)
    log("reported", outcome=outcome)
    return outcome in _ACCEPTED
