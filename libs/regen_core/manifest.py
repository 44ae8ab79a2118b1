"""The manifest beside the artifacts, and the output rows (docs/contract.md).

The provenance is in ``regen_core.provenance``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regen_core.canonical import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class OutputRow:
    """One row of ``"RegenerationOutput"``: an object in the store that belongs to a COMPLETED job."""

    name: str
    ref: str
    sha256: str
    size_bytes: int
    media_type: str

    def as_json(self) -> dict[str, Any]:
        """Return the parameter of ``regen_complete_v1``, keyed by column name."""
        return {
            "name": self.name,
            "ref": self.ref,
            "sha256": self.sha256,
            "sizeBytes": self.size_bytes,
            "mediaType": self.media_type,
        }


@dataclass(frozen=True, slots=True)
class ProvenanceObject:
    """The provenance beside the manifest. It is not an output: it contains times, and rule R11 covers outputs only."""

    name: str
    sha256: str
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return the manifest's field ``provenance``."""
        return {"name": self.name, "sha256": self.sha256, "sizeBytes": self.size_bytes}


@dataclass(frozen=True, slots=True)
class Manifest:
    """``manifest.json``: a pure function of the instruction, the envelope and the checked files, so that a repeat is equal.

    ``provenance`` is None while the provenance is created.
    """

    job_id: str
    type: str
    instruction_sha256: str
    executor: str
    executor_version: str
    reproducible: bool
    sandbox: Mapping[str, Any]
    started_at: str
    finished_at: str
    artifacts: tuple[OutputRow, ...]
    provenance: ProvenanceObject | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON value, artifacts sorted by name."""
        provenance = {} if self.provenance is None else {"provenance": self.provenance.as_json()}
        return {
            "version": 1,
            "jobId": self.job_id,
            "type": self.type,
            "instructionSha256": self.instruction_sha256,
            "executor": {"name": self.executor, "version": self.executor_version},
            "reproducible": self.reproducible,
            "sandbox": dict(self.sandbox),
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
            "artifacts": [row.as_json() for row in sorted(self.artifacts, key=lambda row: row.name)],
            **provenance,
        }

    def as_bytes(self) -> bytes:
        """Return canonical JSON (RFC 8785), UTF-8."""
        return canonical_json(self.as_json())
