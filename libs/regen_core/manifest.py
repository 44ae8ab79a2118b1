"""What publish leaves: the manifest beside the artifacts, and the output rows (contract sections 2 and 4).

The provenance that lies there too is in ``regen_core.provenance``.
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
        """The object that ``regen_complete_v1`` takes, keyed by the columns' names."""
        return {
            "name": self.name,
            "ref": self.ref,
            "sha256": self.sha256,
            "sizeBytes": self.size_bytes,
            "mediaType": self.media_type,
        }


@dataclass(frozen=True, slots=True)
class ProvenanceObject:
    """The provenance's object beside the manifest. It is no output: it holds times, and rule R11 is about outputs."""

    name: str
    sha256: str
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """The manifest's field ``provenance``."""
        return {"name": self.name, "sha256": self.sha256, "sizeBytes": self.size_bytes}


@dataclass(frozen=True, slots=True)
class Manifest:
    """``manifest.json``: a pure function of the instruction, the envelope and the checked files, so a repeat is equal.

    ``provenance`` is None while the provenance is made, and in manifests of releases that made none.
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
        """The JSON value, artifacts by name."""
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
        """Canonical JSON (RFC 8785), UTF-8."""
        return canonical_json(self.as_json())
