"""What publish leaves: the manifest beside the artifacts, and the output rows (contract sections 2 and 4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
class Manifest:
    """``manifest.json``: a pure function of the instruction, the envelope and the checked files, so a repeat is equal."""

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

    def as_bytes(self) -> bytes:
        """Canonical JSON (RFC 8785), UTF-8."""
        fields = asdict(self)
        return canonical_json(
            {
                "version": 1,
                "jobId": fields["job_id"],
                "type": fields["type"],
                "instructionSha256": fields["instruction_sha256"],
                "executor": {"name": fields["executor"], "version": fields["executor_version"]},
                "reproducible": fields["reproducible"],
                "sandbox": dict(self.sandbox),
                "startedAt": fields["started_at"],
                "finishedAt": fields["finished_at"],
                "artifacts": [row.as_json() for row in sorted(self.artifacts, key=lambda row: row.name)],
            }
        )
