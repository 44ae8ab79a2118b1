"""What is made of a run: from what the supervisor saw and what the child said to the envelope.

Pure functions. What the child said is untrusted beyond its first line, so every field is checked and cut.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from regen_core.envelope import MAX_ENVELOPE_BYTES, DeclaredArtifact, ResultEnvelope
from regen_core.errors import Classification, JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_runner.execute.supervisor import Outcome

MAX_MESSAGE_CHARACTERS: Final = 4096
MAX_DETAIL_CHARACTERS: Final = {"field": 512, "expected": 1024, "limit": 1024, "trace": 8 * 1024}
"""The details that an executor may give, and how long they may be."""
_TEXTS: Final = ("message", "version")
"""What else of a report is text for people; a class's value may well be the word of a classification."""
MAX_VERSION_CHARACTERS: Final = 128
MAX_MEDIA_TYPE_CHARACTERS: Final = 255
_THE_EXECUTORS_OWN: Final = frozenset(
    {
        Classification.VALIDATION,
        Classification.CAPPED,
        Classification.EXECUTOR,
        Classification.RESOURCES,
        Classification.OUTPUT,
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the run ended."""

    sandbox: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    artifacts: tuple[DeclaredArtifact, ...] = ()
    error: JobError | None = None


class _Untrue(Exception):
    """The child's report is none that our code writes."""


def judge(outcome: Outcome, time_limit_seconds: float, environ: Mapping[str, str]) -> Verdict:
    """The verdict on a run that was not interrupted. The first of these that holds decides: what the supervisor itself saw,
    our own failure to start, the child's death, and only then its report.

    Args:
        outcome: of the run.
        time_limit_seconds: which the run had.
        environ: the executor's, which may hold secrets; the error shows none of them.
    """
    first, _, second = outcome.said.partition(b"\n")
    opening = _opening(first)
    enforced = opening.get("sandbox", {}) if opening else {}
    error = _seen(outcome, time_limit_seconds) or _not_started(opening, outcome)
    if error is None:
        error = _died(outcome)
    if error is not None:
        return Verdict(sandbox=enforced, error=error)
    try:
        return _reported(second, enforced, outcome.status, environ)
    except _Untrue as untrue:
        message = f"the executor's report cannot be used: {untrue}"
        return Verdict(sandbox=enforced, error=JobError(Classification.EXECUTOR, message))


def envelope(verdict: Verdict, executor: str, started_at: str, finished_at: str, usage: Mapping[str, float]) -> bytes:
    """The envelope's file: JSON of ``MAX_ENVELOPE_BYTES`` at the most. Times are UTC, ISO 8601."""
    whole = _encoded(verdict, executor, started_at, finished_at, usage)
    if len(whole) <= MAX_ENVELOPE_BYTES:
        return whole
    error = JobError(Classification.EXECUTOR, f"the executor's report makes an envelope larger than {MAX_ENVELOPE_BYTES} bytes")
    return _encoded(Verdict(verdict.sandbox, verdict.version, (), error), executor, started_at, finished_at, usage)


def _encoded(verdict: Verdict, executor: str, started_at: str, finished_at: str, usage: Mapping[str, float]) -> bytes:
    result = ResultEnvelope(
        executor=executor,
        executor_version=verdict.version,
        started_at=started_at,
        finished_at=finished_at,
        sandbox=verdict.sandbox,
        artifacts=verdict.artifacts,
        error=verdict.error,
        usage=usage,
    )
    return json.dumps(result.as_json()).encode()


def _opening(line: bytes) -> dict[str, Any] | None:
    """The child's first line, which no executor could write; None where the child died before it."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("sandbox"), dict) else None


def _seen(outcome: Outcome, time_limit_seconds: float) -> JobError | None:
    if outcome.timed_out:
        message = f"the executor did not end within its limit of {time_limit_seconds:g} seconds"
        return JobError(Classification.TIMEOUT, message, detail={"limitSeconds": time_limit_seconds})
    if outcome.said_too_much:
        return JobError(Classification.EXECUTOR, "the executor's report is larger than 1 MiB")
    if outcome.status is None:
        return JobError(Classification.INTERNAL, "the executor's process could not be reaped")
    return None


def _not_started(opening: dict[str, Any] | None, outcome: Outcome) -> JobError | None:
    if opening is None:
        message = f"the run ended before its sandbox was up: {_ending(outcome.status)}"
        return JobError(Classification.INTERNAL, message)
    if "failure" in opening:
        return JobError(Classification.INTERNAL, str(opening["failure"]), detail=dict(opening.get("detail", {})))
    return None


def _died(outcome: Outcome) -> JobError | None:
    status = outcome.status or 0
    if not os.WIFSIGNALED(status):
        return None
    name = _signal_name(os.WTERMSIG(status))
    if os.WTERMSIG(status) == signal.SIGKILL and outcome.oom_kills:
        message = "the executor was killed because its container ran out of memory"
        return JobError(Classification.RESOURCES, message, detail={"signal": name, "oomKills": outcome.oom_kills})
    return JobError(Classification.EXECUTOR, f"the executor was killed by {name}", detail={"signal": name})


def _reported(line: bytes, enforced: Mapping[str, Any], status: int | None, environ: Mapping[str, str]) -> Verdict:
    if not line.strip() or status != 0:
        message = f"the executor ended before it returned a result ({_ending(status)})"
        return Verdict(enforced, error=JobError(Classification.EXECUTOR, message))
    try:
        report = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Untrue("expected one line of JSON") from error
    if not isinstance(report, dict):
        raise _Untrue(f"expected an object, got {type(report).__name__}")
    if report.get("ok") is not True:
        report = _without_secrets(report, environ)
    version = _text(report, "version", MAX_VERSION_CHARACTERS)
    if report.get("ok") is True:
        return Verdict(enforced, version, _artifacts(report.get("artifacts")))
    return Verdict(enforced, version, error=_error(report))


def _without_secrets(report: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """A failure's report without secrets, before anything of it is cut: half a secret is not known for one."""
    from regen_runner.execute.scrubbing import forms, hide, secrets_of  # noqa: PLC0415 - only failures need it, and patterns cost time

    known = forms(secrets_of(environ))

    def shown(values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: hide(value, known) if isinstance(value, str) else value for key, value in values.items()}

    told = shown({key: report[key] for key in _TEXTS if key in report})
    detail = report.get("detail")
    if not isinstance(detail, dict):
        return {**report, **told}
    detail = shown(detail)
    trace = detail.get("trace")
    if isinstance(trace, str) and trace.startswith("…"):
        # The child cut it there, perhaps through a secret.
        edge = max(map(len, known), default=0)
        detail["trace"] = f"…{trace[1 + edge :]}"
    return {**report, **told, "detail": detail}


def _artifacts(value: Any) -> tuple[DeclaredArtifact, ...]:
    if not isinstance(value, list) or not value:
        raise _Untrue("artifacts: expected a list that is not empty")
    return tuple(DeclaredArtifact(_text(a, "name", 128), _text(a, "mediaType", MAX_MEDIA_TYPE_CHARACTERS)) for a in value)


def _error(report: Mapping[str, Any]) -> JobError:
    try:
        classification = Classification(str(report.get("classification")))
    except ValueError as error:
        raise _Untrue(f"classification: got {report.get('classification')!r:.100}") from error
    if classification not in _THE_EXECUTORS_OWN:
        raise _Untrue(f"classification: {classification} is not an executor's to give")
    detail = report.get("detail")
    if not isinstance(detail, dict):
        raise _Untrue("detail: expected an object")
    kept = {key: _clean(detail[key], limit) for key, limit in MAX_DETAIL_CHARACTERS.items() if isinstance(detail.get(key), str)}
    message = report.get("message")
    if not isinstance(message, str):
        raise _Untrue("message: expected a string")
    # Nothing but a provider outside, which is told as the executor's fault, may be another way the next time.
    retryable = report.get("retryable") is True and classification is Classification.EXECUTOR
    return JobError(classification, _clean(message, MAX_MESSAGE_CHARACTERS), retryable, kept)


def _text(value: Any, key: str, limit: int) -> str:
    text = value.get(key) if isinstance(value, dict) else None
    if not isinstance(text, str) or len(text) > limit:
        raise _Untrue(f"{key}: expected a string of {limit} characters at the most")
    return _clean(text, limit)


def _clean(text: str, limit: int) -> str:
    """``text`` cut to ``limit``, without what PostgreSQL's jsonb cannot hold: NUL and halves of surrogate pairs."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return cut.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _ending(status: int | None) -> str:
    if status is None:
        return "it could not be reaped"
    if os.WIFSIGNALED(status):
        return f"killed by {_signal_name(os.WTERMSIG(status))}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
