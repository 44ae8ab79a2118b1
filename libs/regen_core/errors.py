"""The errors of a job, named by what the caller does next.

``JobError`` is the value that becomes ``errorJson`` (docs/contract.md#error). The exceptions below carry the classification
that the job gets if they are not handled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ERROR_BYTES = 16 * 1024
"""Maximum size of ``errorJson``, in bytes of UTF-8 JSON."""


class Classification(StrEnum):
    """The kind of failure that ended a job."""

    VALIDATION = "validation"
    CAPPED = "capped"
    EXECUTOR = "executor"
    TIMEOUT = "timeout"
    RESOURCES = "resources"
    OUTPUT = "output"
    LOST = "lost"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed: a message for people, and data for programs. Never a secret or a whole stack trace."""

    classification: Classification
    message: str
    retryable: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the ``errorJson`` object, at most ``MAX_ERROR_BYTES``: detail is cut first, then the message."""
        whole = self._as_dict(self.message, dict(self.detail))
        if _size(whole) <= MAX_ERROR_BYTES:
            return whole
        trace = str(self.detail.get("trace", ""))
        cut = self._as_dict(_cut(self.message, 4096), {"truncated": True, "trace": _cut(trace, 4096)})
        if _size(cut) <= MAX_ERROR_BYTES:
            return cut
        return self._as_dict(_cut(self.message, 512), {"truncated": True})

    def _as_dict(self, message: str, detail: dict[str, Any]) -> dict[str, Any]:
        return {
            "classification": str(self.classification),
            "retryable": self.retryable,
            "message": message,
            "detail": detail,
        }


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _size(value: dict[str, Any]) -> int:
    return len(json.dumps(value).encode())


class RegenError(Exception):
    """The base class of regen's errors. ``detail`` contains no secrets and can be stored."""

    classification: ClassVar[Classification] = Classification.INTERNAL
    retryable: ClassVar[bool] = False
    reason: ClassVar[str | None] = None
    """Value of ``detail.reason`` in the job's error, for metrics and alerts."""

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def as_job_error(self) -> JobError:
        """Return the job error for this exception."""
        named = {} if self.reason is None else {"reason": self.reason}
        return JobError(self.classification, self.message, self.retryable, named | self.detail)


class ValidationFailed(RegenError):
    """The instruction is invalid, and fails again if retried. ``message`` names the field."""

    classification = Classification.VALIDATION


class OutputRefused(RegenError):
    """The executor's output is not acceptable: a link, an invalid name, too many or too large files, a wrong digest."""

    classification = Classification.OUTPUT


class OutputExists(OutputRefused):
    """The key holds other bytes. Nothing is overwritten (rule R4)."""


class StoreUnavailable(RegenError):
    """The store is unreachable or returns 5xx. The put can be retried."""

    classification = Classification.LOST
    retryable = True
    reason = "StoreUnavailable"


class StoreUnsafe(RegenError):
    """The store ignores conditional puts, so regen cannot prevent overwrites."""

    reason = "StoreUnsafe"


class SourceUnavailable(RegenError):
    """A source cannot be fetched."""

    classification = Classification.LOST
    retryable = True


class DatabaseUnavailable(RegenError):
    """The database is unreachable. The call can be retried."""

    classification = Classification.LOST
    retryable = True


class NotOurs(RegenError):
    """An object with our name exists that regen did not create. It is refused, never adopted (rule R2)."""


class FenceTaken(RegenError):
    """Another process has already started this job (rule R3)."""


class SettingsInvalid(RegenError):
    """A setting is invalid. ``message`` names the variable and what is expected. The program does not start."""
