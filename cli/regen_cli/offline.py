"""A job's files in a folder, checked against the manifest and the provenance that lie there too; nothing else is asked."""

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
_REMEDY: Final = "fetch the files again (`regen output --evidence`); where it stays, verify the job with the database"


@dataclass(slots=True)
class Folder:
    """What was found. ``lines`` are for people, ``files`` for machines; ``envelope`` is None where none can be read."""

    job_id: str
    envelope: Envelope | None = None
    lines: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def complain(self, invariant: Invariant, message: str) -> None:
        """Takes up a violation."""
        self.violations.append(Violation(invariant, self.job_id, message, _REMEDY))


def look(path: Path, job_id: str | None, beside: Sequence[Path]) -> Folder:
    """Compares every file of the folder with manifest and provenance; a signature is for the caller to judge.

    Args:
        path: the folder.
        job_id: the job whose files they should be; None for whichever the manifest names.
        beside: files that may lie there as well.

    Raises:
        ValidationFailed: it is no folder.
        NotFound: it has no manifest.
    """
    try:
        names = {entry.name for entry in os.scandir(path)}
    except OSError as error:
        msg = f"--offline: expected a folder that can be read at {path}, got {error.strerror}"
        raise ValidationFailed(msg) from error
    content = _content(path / MANIFEST_NAME)
    if content is None:
        msg = f"--offline: expected {MANIFEST_NAME} in {path}, which `regen output --evidence` fetches, got none"
        raise NotFound(msg)
    manifest = parse_manifest(content)
    if manifest is None or not _is_ours(manifest):
        folder = Folder(job_id or "?")
        folder.complain(Invariant.MANIFEST, "manifest: expected a JSON object as publish writes it, got something else")
        return folder
    folder = Folder(manifest["jobId"])
    if job_id is not None and manifest["jobId"] != job_id:
        folder.complain(Invariant.MANIFEST, f"manifest: expected that of job {job_id}, got that of {manifest['jobId']}")
    provenance = _content(path / PROVENANCE_NAME) or b""
    for message in provenance_faults(manifest, provenance, None):
        folder.complain(Invariant.PROVENANCE, f"provenance: {message}")
    folder.envelope = _parsed(provenance)
    for artifact in manifest["artifacts"]:
        _compare(folder, path, artifact)
    ours = {MANIFEST_NAME, PROVENANCE_NAME, *(one["name"] for one in manifest["artifacts"]), *_names_in(path, beside)}
    for name in sorted(names - ours):
        folder.complain(Invariant.OUTPUTS, f"{name}: expected only files that the manifest names, got one more")
    folder.lines += ["ok  manifest", "ok  provenance  says what the manifest says"]
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
        folder.complain(Invariant.OBJECTS, f"output {name}: expected a file, got none")
        return
    if found != wanted:
        message = f"output {name}: expected {wanted[0]} bytes with SHA-256 {wanted[1]}, got {found[0]} with {found[1]}"
        folder.complain(Invariant.OBJECTS, message)
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
