"""The result envelope: the report of execute's supervisor to publish, in a volume that the executor cannot write.

The supervisor writes it once, by rename; publish reads it once. The executor's description of its artifacts is untrusted:
publish checks every file itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regen_core.errors import Classification, JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVELOPE_NAME = "envelope.json"
ENVELOPE_VERSION = 1
MAX_ENVELOPE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class DeclaredArtifact:
    """A file in ``out``, as the executor describes it."""

    name: str
    media_type: str


@dataclass(frozen=True, slots=True)
class ResultEnvelope:
    """The outcome of a run. ``error`` is None if and only if the executor returned a result."""

    executor: str
    executor_version: str
    started_at: str
    finished_at: str
    sandbox: Mapping[str, Any]
    artifacts: tuple[DeclaredArtifact, ...] = ()
    error: JobError | None = None
    usage: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "version": ENVELOPE_VERSION,
            "executor": self.executor,
            "executorVersion": self.executor_version,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
            "sandbox": dict(self.sandbox),
            "artifacts": [{"name": a.name, "mediaType": a.media_type} for a in self.artifacts],
            "error": self.error.as_json() if self.error else None,
            "usage": dict(self.usage),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ResultEnvelope:
        """Parse an envelope.

        Raises:
            ValueError: a field is missing, of another type, or of another version.
        """
        try:
            if value["version"] != ENVELOPE_VERSION:
                msg = f"envelope version: expected {ENVELOPE_VERSION}, got {value['version']!r}"
                raise ValueError(msg)
            error = value["error"]
            return cls(
                executor=_text(value["executor"]),
                executor_version=_text(value["executorVersion"]),
                started_at=_text(value["startedAt"]),
                finished_at=_text(value["finishedAt"]),
                sandbox=dict(value["sandbox"]),
                artifacts=tuple(DeclaredArtifact(_text(a["name"]), _text(a["mediaType"])) for a in value["artifacts"]),
                error=None if error is None else _job_error(error),
                usage=dict(value["usage"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            msg = f"envelope: expected an object as execute writes it, got one without {error}"
            raise ValueError(msg) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        msg = f"envelope: expected a string, got {type(value).__name__}"
        raise TypeError(msg)
    return value


def _job_error(value: Mapping[str, Any]) -> JobError:
    return JobError(
        classification=Classification(value["classification"]),
        message=_text(value["message"]),
        retryable=value["retryable"] is True,
        detail=dict(value["detail"]),
    )
