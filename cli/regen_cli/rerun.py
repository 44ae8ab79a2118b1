"""``regen verify --rerun``: run the executor again in its sandbox and compare the bytes (R11 in docs/rules.md).

``regen`` itself runs no executor: it starts ``regen-runner execute``, if installed, as a separate process with a pod's
environment. The images of operator and API contain neither (R8).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from regen_cli.files import measured, opened
from regen_core.canonical import canonical_json
from regen_core.envelope import ENVELOPE_NAME, ResultEnvelope
from regen_core.errors import RegenError, SettingsInvalid
from regen_core.instruction import parse_instruction
from regen_verify import Invariant, ObjectRecord, Violation
from regen_verify.objects import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_verify import JobRecord

DEFAULT_TIME_LIMIT: Final = 600
_SLACK_SECONDS: Final = 30
_MAX_SOURCE_BYTES: Final = 1 << 30
_SOURCE_RETRY_SECONDS: Final = 10
_FOLDERS: Final = ("in", "out", "result", "tmp")
_REMEDY: Final = (
    "one version of an executor must write the same bytes for the same instruction. Find the cause (time, locale, random "
    "numbers, order) and release a fixed version. Trust neither output until then"
)


class NotRepeated(RegenError):
    """The second run did not succeed, so nothing was compared."""


def run_again(job: JobRecord, time_limit_seconds: int) -> list[Violation]:
    """Return the differences between a second run and the job's outputs.

    Args:
        job: COMPLETED, with its verified instruction and manifest.
        time_limit_seconds: the executor's time limit.

    Raises:
        SettingsInvalid: regen-runner is not installed.
        NotRepeated: the job is not reproducible, the second run failed, or the installed executor has another version.
    """
    manifest = parse_manifest((job.objects.manifest if job.objects is not None else None) or b"") or {}
    if manifest.get("reproducible") is not True:
        msg = f"--rerun: job {job.id} is not reproducible: its executor class has network access"
        raise NotRepeated(msg)
    program = _program()
    with tempfile.TemporaryDirectory(prefix="regen-verify-") as name:
        root = Path(name)
        for folder in _FOLDERS:
            (root / folder).mkdir()
        _write_inputs(root / "in", job, time_limit_seconds)
        envelope = _executed(program, root, job, manifest, time_limit_seconds)
        return [Violation(Invariant.REPRODUCIBLE, job.id, one, _REMEDY) for one in _differences(root / "out", job, envelope)]


def _program() -> str:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    found = shutil.which("regen-runner", path=path)
    if found is None:
        msg = "--rerun: regen-runner is not installed. Install regen[runner], or run this command in the runner image."
        raise SettingsInvalid(msg)
    return found


def _write_inputs(inputs: Path, job: JobRecord, time_limit_seconds: int) -> None:
    """Write the run inputs as ``prepare`` does: sources, instruction, go-file."""
    instruction = parse_instruction(job.instruction)
    if instruction.sources:
        try:
            from regen_runner.prepare.sources import SourceLimits, fetch_sources  # noqa: PLC0415
            from regen_runner.source_policy import SourcePolicy  # noqa: PLC0415 - optional
        except ImportError as error:
            msg = "--rerun: the job has sources, and the package regen_runner, which fetches them, is not installed."
            raise SettingsInvalid(msg) from error
        deadline = time.monotonic() + time_limit_seconds
        policy = SourcePolicy(job.output_ref or "", hosts=tuple(os.environ.get("REGEN_SOURCE_HOSTS", "").split()))
        limits = SourceLimits(_MAX_SOURCE_BYTES, _SOURCE_RETRY_SECONDS, deadline, policy)
        fetch_sources(instruction.sources, inputs / "sources", limits, os.environ)
    else:
        (inputs / "sources").mkdir()
    (inputs / "instruction.json").write_bytes(canonical_json(job.instruction))
    (inputs / "go").touch()


def _executed(program: str, root: Path, job: JobRecord, manifest: dict[str, Any], time_limit_seconds: int) -> ResultEnvelope:
    sandbox = manifest.get("sandbox") or {}
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        "REGEN_JOB_TYPE": job.type or "",
        "REGEN_TIME_LIMIT_SECONDS": str(time_limit_seconds),
        "REGEN_SANDBOX": "require",
        "REGEN_EGRESS": "none",
        "REGEN_SUBPROCESSES": "true" if sandbox.get("subprocesses") is True else "false",
        "REGEN_IN_DIR": str(root / "in"),
        "REGEN_OUT_DIR": str(root / "out"),
        "REGEN_RESULT_DIR": str(root / "result"),
        "TMPDIR": str(root / "tmp"),
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "SOURCE_DATE_EPOCH": "0",
        "HOME": str(root / "tmp"),
    }
    try:
        subprocess.run(
            [program, "execute"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the executor's log is not compared
            stderr=subprocess.DEVNULL,
            timeout=time_limit_seconds + _SLACK_SECONDS,
            check=False,
        )
        envelope = ResultEnvelope.from_json(json.loads((root / "result" / ENVELOPE_NAME).read_bytes()))
    except subprocess.TimeoutExpired as error:
        msg = f"--rerun: the run did not end within {time_limit_seconds} s. Raise --time-limit."
        raise NotRepeated(msg) from error
    except OSError as error:
        msg = f"--rerun: cannot read the run's result: {error.strerror}"
        raise NotRepeated(msg) from error
    except ValueError as error:
        raise NotRepeated(f"--rerun: {error}") from error
    if envelope.error is not None:
        msg = f"--rerun: the run failed ({envelope.error.classification}): "
        raise NotRepeated(msg + envelope.error.message)
    before = (manifest.get("executor") or {}).get("version")
    if envelope.executor_version != before:
        msg = (
            f"--rerun: version {before} of executor {job.type} wrote the outputs, but version {envelope.executor_version} is "
            "installed. Nothing was compared."
        )
        raise NotRepeated(msg)
    return envelope


def _differences(out: Path, job: JobRecord, envelope: ResultEnvelope) -> Iterator[str]:
    declared = {one.name: one.media_type for one in envelope.artifacts}
    recorded = {one.name: one for one in job.outputs}
    for name in sorted(declared.keys() | recorded.keys()):
        if name not in recorded:
            yield f"output {name}: only the second run wrote it"
        elif name not in declared:
            yield f"output {name}: the second run did not write it"
        else:
            wanted = (recorded[name].size_bytes, recorded[name].sha256)
            found = _measured(out / name)
            if found is None or (found.size_bytes, found.sha256) != wanted:
                got = "no file" if found is None else f"{found.size_bytes} bytes with SHA-256 {found.sha256}"
                yield f"output {name}: the second run wrote {got}, the first {wanted[0]} bytes with SHA-256 {wanted[1]}"
            elif declared[name] != recorded[name].media_type:
                yield f"output {name}: media type {declared[name]} in the second run, {recorded[name].media_type} in the first"


def _measured(path: Path) -> ObjectRecord | None:
    """Return size and digest of a regular file; None for anything else."""
    with opened(path) as file:
        return None if file is None else ObjectRecord(*measured(file))
