"""``regen verify``: check a job's outputs against the records of its completion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.exits import VIOLATION, NotFound
from regen_cli.findings import print_violations, progress
from regen_cli.offline import check_folder
from regen_cli.printing import Format, FormatOption, emit, printable, size
from regen_cli.rerun import DEFAULT_TIME_LIMIT, run_again
from regen_cli.shapes import violation_shape
from regen_cli.signature import Trust, Verdict, judge, load_keys
from regen_core.canonical import instruction_digest
from regen_core.errors import ValidationFailed
from regen_core.provenance import Envelope, parse_bundle
from regen_core.states import JobStatus
from regen_verify import Invariant, Violation, check

if TYPE_CHECKING:
    from regen_verify import JobRecord

_NOT_SIGNED = (
    "do not trust these files. Find out which key the installation signed with when the job completed, and who has write "
    "access to the store"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A check's result: ``lines`` for people, ``shape`` for scripts."""

    job_id: str
    lines: list[str]
    violations: list[Violation]
    shape: dict[str, Any]
    rerun: bool


def verify(
    job_id: Annotated[str | None, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)] = None,
    *,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key", help="PEM file of an Ed25519 public key. The provenance must be signed by it, or by one of several."
        ),
    ] = None,
    offline: Annotated[
        Path | None,
        typer.Option("--offline", help="Check a folder with the job's files, manifest and provenance instead; requires --key."),
    ] = None,
    rerun: Annotated[
        bool,
        typer.Option("--rerun", help="Run the executor again in its sandbox and compare the bytes; requires regen-runner."),
    ] = False,
    time_limit: Annotated[int, typer.Option("--time-limit", min=1, help="Time limit of the second run, in seconds.")] = (
        DEFAULT_TIME_LIMIT
    ),
    output: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """Check a COMPLETED job's outputs against the database.

    Reads every object and compares its size and SHA-256 with the database, the manifest and provenance with the rows and
    the instruction, the audit events with the rows, and with --key the signature. --offline checks files alone, without
    rows and events. Exits 5 if anything differs.
    """
    keys = load_keys(key or ())
    if offline is not None:
        if not keys or rerun:
            msg = "--offline requires --key and excludes --rerun: without a key the files only vouch for themselves."
            raise ValidationFailed(msg)
        folder = check_folder(offline, job_id, key or ())
        verdict = judge(folder.envelope, keys)
        _add_signature(folder.violations, folder.job_id, verdict)
        _finish(Checked(folder.job_id, folder.lines, folder.violations, {"files": folder.files}, rerun=False), verdict, output)
        return
    if job_id is None:
        msg = "JOB is missing. Pass a job's id, or --offline FOLDER."
        raise ValidationFailed(msg)
    with open_jobs(api_url) as jobs, progress("reading objects"):
        snapshot = jobs.proof(job_id, _require_completed)
    [job] = snapshot.jobs
    violations, verdict = check(snapshot), judge(_envelope(job), keys)
    if keys:
        _add_signature(violations, job_id, verdict)
    lines = [] if violations else _lines(job)
    if rerun and not violations:
        violations += run_again(job, time_limit)
        lines.append(f"ok  second run  wrote the same bytes ({len(job.outputs)} outputs)")
    _finish(Checked(job.id, lines, violations, _shape(job), rerun=rerun), verdict, output)


def _require_completed(job: JobRecord) -> None:
    if job.status is not JobStatus.COMPLETED or job.ended_before_regen:
        state = "was COMPLETED before regen was installed" if job.ended_before_regen else f"is {job.status}"
        msg = f"job {job.id} {state}. Only jobs that regen COMPLETED have outputs to verify."
        raise NotFound(msg)


def _envelope(job: JobRecord) -> Envelope | None:
    """Return the job's provenance; None if there is none or it is unreadable, which is a violation of its own."""
    content = job.objects.provenance if job.objects is not None else None
    try:
        return parse_bundle(content) if content else None
    except ValueError:
        return None


def _add_signature(violations: list[Violation], job_id: str, verdict: Verdict) -> None:
    """Add a violation if the provenance is not signed by a given key."""
    if verdict.trust is Trust.VALID:
        return
    found = {Trust.MISSING: "there is no provenance", Trust.UNSIGNED: "the provenance is not signed"}.get(
        verdict.trust, f"the signature, which names key {verdict.keyid}, is not by a key in --key"
    )
    violations.append(Violation(Invariant.PROVENANCE, job_id, f"signature: {found}", _NOT_SIGNED))


def _finish(checked: Checked, verdict: Verdict, output: Format) -> None:
    """Print the result. Exit 5 if there are violations."""
    if output is not Format.TABLE:
        shape = {
            "jobId": checked.job_id,
            "ok": not checked.violations,
            **checked.shape,
            "signature": str(verdict.trust),
            "keyid": verdict.keyid,
            "rerun": checked.rerun,
            "violations": [violation_shape(one) for one in checked.violations],
        }
        emit(shape, output)
    elif checked.violations:
        print_violations(checked.violations)
        typer.echo(printable(f"job {checked.job_id}: violations: {len(checked.violations)}"))
    else:
        for line in (*checked.lines, *_signature_lines(verdict), *_unchecked_lines(verdict, rerun=checked.rerun)):
            typer.echo(printable(line))
    if checked.violations:
        raise typer.Exit(VIOLATION)


def _signature_lines(verdict: Verdict) -> list[str]:
    return {
        Trust.VALID: [f"ok  signature  by key {verdict.keyid}"],
        Trust.UNSIGNED: ["not signed: anyone with write access to the store can have written the provenance"],
        Trust.MISSING: ["no provenance"],
    }.get(verdict.trust, [])


def _unchecked_lines(verdict: Verdict, *, rerun: bool) -> list[str]:
    signature = f"the signature by key {verdict.keyid} (--key)" if verdict.trust is Trust.UNCHECKED else None
    again = None if rerun else "whether a second run writes the same bytes (--rerun)"
    return [f"not checked: {one}" for one in (signature, again) if one is not None]


def _lines(job: JobRecord) -> list[str]:
    lines = [f"ok  {one.name}  {size(one.size_bytes)}  sha256 {one.sha256}" for one in job.outputs]
    lines.append(f"ok  manifest  {job.output_ref}")
    if job.objects is not None and job.objects.provenance:
        lines.append("ok  provenance  matches manifest, rows and instruction")
    lines.append(f"ok  instruction  sha256 {instruction_digest(job.instruction)}")
    lines.append(f"ok  audit trail  {len(job.events)} events in an unbroken chain")
    return lines


def _shape(job: JobRecord) -> dict[str, Any]:
    objects = job.objects.found if job.objects is not None else {}
    return {
        "outputRef": job.output_ref,
        "objects": [
            {"ref": ref, "sizeBytes": found.size_bytes, "sha256": found.sha256} for ref, found in sorted(objects.items())
        ],
        "events": len(job.events),
    }
