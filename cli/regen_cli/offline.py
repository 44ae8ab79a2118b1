"""Check a folder of a job's files against the manifest and provenance in it, without database or store."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from regen_cli.exits import NotFound
from regen_cli.files import measured, opened
from regen_cli.printing import size
from regen_core.errors import ValidationFailed
from regen_core.names import MANIFEST_NAME, PROVENANCE_NAME, is_artifact_name
from regen_core.provenance import Envelope, parse_bundle
from regen_verify import Invariant, Violation
from regen_verify.objects import parse_manifest, provenance_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MAX_READ_BYTES: Final = 16 << 20
_REMEDY: Final = (
    "download the files again with `regen output --evidence`. If the violation remains, verify the job with the database"
)


@dataclass(slots=True)
class Folder:
    """The result. ``lines`` are for people, ``files`` for scripts; ``envelope`` is None if the provenance is unreadable."""

    job_id: str
    envelope: Envelope | None = None
    lines: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def add_violation(self, invariant: Invariant, message: str) -> None:
        """Record a violation."""
        self.violations.append(Violation(invariant, self.job_id, message, _REMEDY))


def check_folder(path: Path, job_id: str | None, beside: Sequence[Path]) -> Folder:
    """Compare every file in the folder with manifest and provenance. The caller checks the signature.

    Args:
        path: the folder.
        job_id: the job whose files these should be; None for the one that the manifest names.
        beside: other files that may be in the folder.

    Raises:
        ValidationFailed: the folder cannot be read.
        NotFound: it has no manifest.
    """
    try:
        names = {entry.name for entry in os.scandir(path)}
    except OSError as error:
        msg = f"--offline: cannot read the folder {path}: {error.strerror}"
        raise ValidationFailed(msg) from error
    content = _content(path / MANIFEST_NAME)
    if content is None:
        msg = f"--offline: {path} has no {MANIFEST_NAME}. Download it with `regen output --evidence`."
        raise NotFound(msg)
    manifest = parse_manifest(content)
    if manifest is None or not _is_ours(manifest):
        folder = Folder(job_id or "?")
        folder.add_violation(Invariant.MANIFEST, "the manifest is not one that publish writes")
        return folder
    folder = Folder(manifest["jobId"])
    if job_id is not None and manifest["jobId"] != job_id:
        folder.add_violation(Invariant.MANIFEST, f"the manifest belongs to job {manifest['jobId']}, not {job_id}")
    provenance = _content(path / PROVENANCE_NAME) or b""
    for message in provenance_faults(manifest, provenance, None):
        folder.add_violation(Invariant.PROVENANCE, f"provenance: {message}")
    folder.envelope = _parsed(provenance)
    for artifact in manifest["artifacts"]:
        _compare(folder, path, artifact)
    ours = {MANIFEST_NAME, PROVENANCE_NAME, *(one["name"] for one in manifest["artifacts"]), *_names_in(path, beside)}
    for name in sorted(names - ours):
        folder.add_violation(Invariant.OUTPUTS, f"{name} is not listed in the manifest")
    folder.lines += ["ok  manifest", "ok  provenance  matches the manifest"]
    return folder


def _is_ours(manifest: dict[str, Any]) -> bool:
    texts = [manifest.get(name) for name in ("jobId", "type", "instructionSha256", "startedAt", "finishedAt")]
    artifacts = manifest.get("artifacts")
    return (
        all(isinstance(one, str) for one in texts)
        and {"executor", "reproducible", "sandbox"} <= manifest.keys()
        and isinstance(artifacts, list)
        and all(_is_artifact(one) for one in artifacts)
    )


def _is_artifact(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), str) for name in ("name", "ref", "sha256", "mediaType"))
        and isinstance(value.get("sizeBytes"), int)
        and is_artifact_name(value["name"])
    )


def _compare(folder: Folder, path: Path, artifact: dict[str, Any]) -> None:
    name, wanted = artifact["name"], (artifact["sizeBytes"], artifact["sha256"])
    with opened(path / name) as file:
        found = None if file is None else measured(file)
    if found is None:
        folder.add_violation(Invariant.OBJECTS, f"output {name} is missing")
        return
    if found != wanted:
        message = (
            f"output {name} has {found[0]} bytes with SHA-256 {found[1]}, but the manifest lists {wanted[0]} with {wanted[1]}"
        )
        folder.add_violation(Invariant.OBJECTS, message)
        return
    folder.lines.append(f"ok  {name}  {size(found[0])}  sha256 {found[1]}")
    folder.files.append({"name": name, "sizeBytes": found[0], "sha256": found[1]})


def _parsed(content: bytes) -> Envelope | None:
    try:
        return parse_bundle(content)
    except ValueError:
        return None


def _names_in(path: Path, beside: Sequence[Path]) -> Iterator[str]:
    folder = path.resolve()
    return (one.name for one in beside if one.resolve().parent == folder)


def _content(path: Path) -> bytes | None:
    with opened(path) as file:
        return None if file is None else file.read(_MAX_READ_BYTES)
