"""``regen verify --rerun``: the executor runs once more, in its sandbox, and its bytes are compared (rule R11).

``regen`` itself runs no executor: the program ``regen-runner execute`` does, where it is installed, in a process of its own
with the environment that a pod would give it. The images of operator and API hold neither (rule R8).
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
    "an executor of one version must give the same bytes for the same instruction: find what differs (time, locale, random "
    "numbers, order), mend it under a new version, and trust neither output until then"
)


class NotRepeated(RegenError):
    """The second run did not come about, so nothing was compared."""


def run_again(job: JobRecord, time_limit_seconds: int) -> list[Violation]:
    """Where the bytes of a second run differ from the job's output; empty where they are the same.

    Args:
        job: COMPLETED, with its instruction and its manifest, both found in order.
        time_limit_seconds: of the executor.

    Raises:
        SettingsInvalid: regen-runner is not installed here.
        NotRepeated: the job is not reproducible, or the second run failed, or is one of another version.
    """
    manifest = parse_manifest((job.objects.manifest if job.objects is not None else None) or b"") or {}
    if manifest.get("reproducible") is not True:
        msg = f"--rerun: expected a job of a class without egress, whose bytes do not depend on the network, got job {job.id}"
        raise NotRepeated(msg)
    program = _program()
    with tempfile.TemporaryDirectory(prefix="regen-verify-") as name:
        root = Path(name)
        for folder in _FOLDERS:
            (root / folder).mkdir()
        _furnish(root / "in", job, time_limit_seconds)
        envelope = _executed(program, root, job, manifest, time_limit_seconds)
        return [Violation(Invariant.REPRODUCIBLE, job.id, one, _REMEDY) for one in _differences(root / "out", job, envelope)]


def _program() -> str:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    found = shutil.which("regen-runner", path=path)
    if found is None:
        msg = (
            "--rerun: expected the program regen-runner and the executors to be installed beside regen, got none; "
            "install regen[runner], or run this where the runner's image is"
        )
        raise SettingsInvalid(msg)
    return found


def _furnish(inputs: Path, job: JobRecord, time_limit_seconds: int) -> None:
    """Writes what prepare would: sources, instruction, go-file."""
    instruction = parse_instruction(job.instruction)
    if instruction.sources:
        try:
            from regen_runner.prepare.sources import SourceLimits, fetch_sources  # noqa: PLC0415 - where the runner is installed
        except ImportError as error:
            msg = "--rerun: expected the package regen_runner beside regen, which fetches sources, got none"
            raise SettingsInvalid(msg) from error
        deadline = time.monotonic() + time_limit_seconds
        limits = SourceLimits(_MAX_SOURCE_BYTES, _SOURCE_RETRY_SECONDS, deadline, allow_files=False)
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
            stdout=subprocess.DEVNULL,  # what an executor writes there is for the pod's log
            stderr=subprocess.DEVNULL,
            timeout=time_limit_seconds + _SLACK_SECONDS,
            check=False,
        )
        envelope = ResultEnvelope.from_json(json.loads((root / "result" / ENVELOPE_NAME).read_bytes()))
    except subprocess.TimeoutExpired as error:
        msg = f"--rerun: expected the run to end within {time_limit_seconds} s (--time-limit), and it did not"
        raise NotRepeated(msg) from error
    except OSError as error:
        msg = f"--rerun: expected regen-runner to leave its envelope, got {error.strerror}"
        raise NotRepeated(msg) from error
    except ValueError as error:
        raise NotRepeated(f"--rerun: {error}") from error
    if envelope.error is not None:
        msg = f"--rerun: expected the run to succeed as it did before, got {envelope.error.classification}: "
        raise NotRepeated(msg + envelope.error.message)
    before = (manifest.get("executor") or {}).get("version")
    if envelope.executor_version != before:
        msg = (
            f"--rerun: expected version {before} of the executor {job.type}, which made the output, got "
            f"{envelope.executor_version}; nothing was compared"
        )
        raise NotRepeated(msg)
    return envelope


def _differences(out: Path, job: JobRecord, envelope: ResultEnvelope) -> Iterator[str]:
    declared = {one.name: one.media_type for one in envelope.artifacts}
    recorded = {one.name: one for one in job.outputs}
    for name in sorted(declared.keys() | recorded.keys()):
        if name not in recorded:
            yield f"output {name}: expected none from another run, got one"
        elif name not in declared:
            yield f"output {name}: expected it from another run, got none"
        else:
            wanted = (recorded[name].size_bytes, recorded[name].sha256)
            found = _measured(out / name)
            if found is None or (found.size_bytes, found.sha256) != wanted:
                got = "no file" if found is None else f"{found.size_bytes} bytes with {found.sha256}"
                yield f"output {name}: expected {wanted[0]} bytes with SHA-256 {wanted[1]} from another run, got {got}"
            elif declared[name] != recorded[name].media_type:
                yield f"output {name}: expected media type {recorded[name].media_type} from another run, got {declared[name]}"


def _measured(path: Path) -> ObjectRecord | None:
    """Size and digest of the regular file; a link is none."""
    with opened(path) as file:
        return None if file is None else ObjectRecord(*measured(file))
