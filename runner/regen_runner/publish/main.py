"""``regen-runner publish``: checks and stores the executor's files, then reports the job's end (docs/architecture.md, step 7).

Objects first, then their provenance, the manifest last, then the one transaction that makes them an output (rule R12). Where
there is no envelope the program says nothing to the database: the operator knows why the pod ended, and speaks.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from regen_core.canonical import sha256_hex
from regen_core.envelope import ENVELOPE_NAME, MAX_ENVELOPE_BYTES, ResultEnvelope
from regen_core.errors import Classification, JobError, RegenError, SettingsInvalid
from regen_core.manifest import Manifest
from regen_core.provenance import Builder, SourceDigest
from regen_core.states import Complete
from regen_runner.database import RunnerDatabase
from regen_runner.logs import flush_log, log, log_to_stdout, log_trace, write_termination_message
from regen_runner.publish.run_log import keep_log
from regen_runner.report import EXIT_REFUSED, report_completion, report_failure
from regen_runner.retry import Patience, Stop
from regen_runner.settings import PublishSettings, termination_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXIT_TROUBLE: Final = 1
EXIT_SETTINGS: Final = 2

_MAX_INSTRUCTION_BYTES: Final = 64 << 20
_MAX_NONCE_BYTES: Final = 256
_LAST_PUT_SHARE: Final = 0.5
_REPORT_SHARE: Final = 0.9
"""Shares of the grace period: a put that is under way at SIGTERM may take the first, the report must end within the second."""


class NothingToPublish(Exception):
    """The pod's earlier programs left no complete evidence; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the earlier programs of this pod left.

    Attributes:
        nonce: prepare's, which the fence holds.
        fenced_at: seconds of the epoch at which prepare wrote it.
        job_type: from the instruction.
        instruction_sha256: of the instruction's canonical bytes, as prepare wrote them.
        sources: of the instruction, whose digests prepare checked.
        envelope: what execute's supervisor said; an error where it cannot be read.
    """

    nonce: str
    fenced_at: float
    job_type: str
    instruction_sha256: str
    sources: tuple[SourceDigest, ...]
    envelope: ResultEnvelope | JobError


def main() -> int:
    """Runs the program with the process's environment and answers its exit status."""
    try:
        settings = PublishSettings.from_environment(os.environ)
        database = RunnerDatabase(settings.database_url, "regen-runner-publish")
    except SettingsInvalid as error:
        sys.stderr.write(f"regen-runner publish: {error}\n")
        write_termination_message(termination_log(os.environ), f"publish: {error}")
        return EXIT_SETTINGS
    log_to_stdout(settings.job_id)
    stop = Stop()
    stop.install()
    try:
        status, message = run(settings, database, stop, os.environ)
    except Exception as error:  # noqa: BLE001 - the last resort of the program; the operator speaks
        log_trace("publish failed", error)
        status, message = EXIT_TROUBLE, f"expected no error, got {type(error).__name__}: {error}"
    log("publish ended", status=status, message=message)
    if status:
        write_termination_message(settings.termination_log, f"publish: {message}")
    flush_log()
    return status


def run(settings: PublishSettings, database: RunnerDatabase, stop: Stop, environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit status, and one line that says why."""
    try:
        evidence = read_evidence(settings)
    except NothingToPublish as error:
        return EXIT_TROUBLE, str(error)
    deadline = _deadline(settings, evidence)
    patience = Patience(deadline, stop, settings.grace_seconds * _REPORT_SHARE)
    purpose = "store the outputs"
    try:
        outcome = _outcome(settings, evidence, stop, deadline - settings.grace_seconds, environ)
        if isinstance(outcome, Complete):
            keep_log(settings, evidence.job_type, stop, patience, environ)
            purpose = "report what was stored"
            accepted = report_completion(database, outcome, patience)
            return (0, "completed") if accepted else (EXIT_REFUSED, "the report was refused: the job has ended otherwise")
    except RegenError as error:
        log("not published", error=error.message, classification=str(error.classification))
        outcome = error.as_job_error()
    except Exception as error:  # noqa: BLE001 - the fence is ours: left alone, the job would count as lost, with no reason
        log_trace("publish failed", error)
        message = f"publish: expected to {purpose}, got {type(error).__name__}: {error}"
        outcome = JobError(Classification.INTERNAL, message)
    keep_log(settings, evidence.job_type, stop, patience, environ)
    return _failed(settings, database, evidence, outcome, patience)


def read_evidence(settings: PublishSettings) -> Evidence:
    """What the earlier programs of this pod left.

    Raises:
        NothingToPublish: nonce, instruction or envelope is missing.
    """
    nonce_path = settings.trust_dir / "nonce"
    nonce, fenced_at = _read(nonce_path, _MAX_NONCE_BYTES)
    instruction, _ = _read(settings.in_dir / "instruction.json", _MAX_INSTRUCTION_BYTES)
    content, _ = _read(settings.result_dir / ENVELOPE_NAME, MAX_ENVELOPE_BYTES)
    try:
        parsed = json.loads(instruction)
        job_type = parsed["type"]
        sources = tuple(SourceDigest(one["name"], one["uri"], one["sha256"]) for one in parsed.get("sources", ()))
    except (ValueError, KeyError, TypeError) as error:
        msg = "expected an instruction as prepare writes it, got another"
        raise NothingToPublish(msg) from error
    return Evidence(
        nonce=nonce.decode("ascii"),
        fenced_at=fenced_at,
        job_type=job_type,
        instruction_sha256=sha256_hex(instruction),
        sources=sources,
        envelope=_parsed(content),
    )


def _read(path: Path, most: int) -> tuple[bytes, float]:
    """Content and modification time of a regular file of at most ``most`` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        msg = f"expected {path.name} of an earlier program of this pod, got {error.strerror}"
        raise NothingToPublish(msg) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            msg = f"expected {path.name} to be a file of at most {most} bytes, got another"
            raise NothingToPublish(msg)
        return file.read(most), status.st_mtime


def _parsed(content: bytes) -> ResultEnvelope | JobError:
    try:
        value: Any = json.loads(content)
        return ResultEnvelope.from_json(value)
    except (ValueError, TypeError, RecursionError) as error:
        return JobError(Classification.INTERNAL, f"publish: {error}")


def _deadline(settings: PublishSettings, evidence: Evidence) -> float:
    """The pod's deadline on the monotonic clock; it began when prepare took the fence, on this node's clock."""
    elapsed = min(max(0.0, time.time() - evidence.fenced_at), float(settings.active_deadline_seconds))
    return time.monotonic() + settings.active_deadline_seconds - elapsed


def _outcome(
    settings: PublishSettings, evidence: Evidence, stop: Stop, deadline: float, environ: Mapping[str, str]
) -> Complete | JobError:
    """How the job ends: with what was stored, or with the error that execute met.

    Raises:
        RegenError: the error that publish met; its classification is the job's.
    """
    envelope = evidence.envelope
    if isinstance(envelope, JobError):
        return envelope
    if envelope.error is not None:
        return envelope.error
    # A failed job needs neither; S3 alone costs 0.2 s of CPU.
    from regen_runner.publish.attestation import Attestor, load_signer  # noqa: PLC0415
    from regen_runner.publish.outputs import checked_outputs  # noqa: PLC0415
    from regen_runner.publish.uploads import Upload  # noqa: PLC0415
    from regen_store.write import open_store  # noqa: PLC0415

    # Before anything is stored: a wrong key leaves no output behind.
    signer = None if settings.signing_key_file is None else load_signer(settings.signing_key_file)
    attestor = Attestor(Builder(settings.builder_id, settings.image), evidence.sources, signer)
    store = open_store(settings.output_url, environ)
    limits = {"max_bytes": settings.max_output_bytes, "max_files": settings.max_outputs}
    with checked_outputs(settings.out_dir, envelope.artifacts, **limits) as outputs:
        log("outputs checked", artifacts=len(outputs), sizeBytes=sum(output.size_bytes for output in outputs))
        upload = Upload(
            store,
            _manifest(settings, evidence, envelope),
            attestor,
            outputs,
            stop=stop,
            deadline=deadline,
            last_put_seconds=settings.grace_seconds * _LAST_PUT_SHARE,
        )
        stored = upload.run()
    return Complete(settings.job_id, evidence.nonce, stored.output_ref, stored.rows)


def _manifest(settings: PublishSettings, evidence: Evidence, envelope: ResultEnvelope) -> Manifest:
    return Manifest(
        job_id=settings.job_id,
        type=evidence.job_type,
        instruction_sha256=evidence.instruction_sha256,
        executor=envelope.executor,
        executor_version=envelope.executor_version,
        reproducible=settings.reproducible,
        sandbox=envelope.sandbox,
        started_at=envelope.started_at,
        finished_at=envelope.finished_at,
        artifacts=(),
    )


def _failed(
    settings: PublishSettings, database: RunnerDatabase, evidence: Evidence, error: JobError, patience: Patience
) -> tuple[int, str]:
    try:
        accepted = report_failure(database, settings.job_id, evidence.nonce, error, patience)
    except RegenError as trouble:
        return EXIT_TROUBLE, f"{error.message}; not reported: {trouble.message}"
    if not accepted:
        return EXIT_REFUSED, f"{error.message}; the report was refused: the job has ended otherwise"
    return 0, f"failed: {error.classification}: {error.message}"
