"""The errors of a job, named by what the caller does next.

``JobError`` is the value that becomes ``errorJson`` (contract section 3). The exceptions below carry the classification
with which the job ends when nobody catches them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ERROR_BYTES = 16 * 1024
"""The size of ``errorJson`` at the most, in bytes of UTF-8 JSON."""


class Classification(StrEnum):
    """What kind of failure ended a job."""

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
    """Why a job failed: one sentence for a person, and data for machines. Never a secret, never a whole stack trace."""

    classification: Classification
    message: str
    retryable: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The ``errorJson`` object, cut down to ``MAX_ERROR_BYTES``: first the detail goes, then the message's end."""
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
    """The root of the tree. ``detail`` is safe to store: no secrets."""

    classification: ClassVar[Classification] = Classification.INTERNAL
    retryable: ClassVar[bool] = False
    reason: ClassVar[str | None] = None
    """One word that ``detail.reason`` of the job's error holds, for those whom metrics and alerts tell apart."""

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def as_job_error(self) -> JobError:
        """The ``errorJson`` with which the job ends when this error decides it."""
        named = {} if self.reason is None else {"reason": self.reason}
        return JobError(self.classification, self.message, self.retryable, named | self.detail)


class ValidationFailed(RegenError):
    """The instruction is wrong; the same instruction will fail again. ``message`` names the field."""

    classification = Classification.VALIDATION


class OutputRefused(RegenError):
    """What the executor left is no acceptable output: a link, a bad name, too many, too large, a wrong digest."""

    classification = Classification.OUTPUT


class OutputExists(OutputRefused):
    """Other bytes lie at our key. Nothing is overwritten (rule R4)."""


class StoreUnavailable(RegenError):
    """The store cannot be reached or answers 5xx; the same put may be tried again."""

    classification = Classification.LOST
    retryable = True
    reason = "StoreUnavailable"


class StoreUnsafe(RegenError):
    """The store ignores conditional puts, so nothing can be written once and only once."""

    reason = "StoreUnsafe"


class SourceUnavailable(RegenError):
    """A source cannot be fetched."""

    classification = Classification.LOST
    retryable = True


class DatabaseUnavailable(RegenError):
    """The database cannot be reached; the same call may be tried again."""

    classification = Classification.LOST
    retryable = True


class NotOurs(RegenError):
    """An object of our name exists that we did not make. It is refused, never adopted (rule R2)."""


class FenceTaken(RegenError):
    """Another process started this job already (rule R3)."""


class SettingsInvalid(RegenError):
    """A setting is wrong; ``message`` names the variable and what was expected. The program does not start."""
