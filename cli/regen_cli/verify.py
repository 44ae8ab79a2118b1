"""``regen verify``: is a job's output what it was when the job completed, and who says so?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.exits import VIOLATION, NotFound
from regen_cli.findings import print_violations, progress
from regen_cli.offline import look
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
    "the key or the provenance is another than you expect: do not trust these files; find out which key the installation "
    "signed with when the job completed, and who may write the store"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at: ``lines`` for people where all holds, ``shape`` for machines."""

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
            "--key", help="PEM file of an Ed25519 public key that the provenance must be signed by; repeat for any of."
        ),
    ] = None,
    offline: Annotated[
        Path | None,
        typer.Option("--offline", help="Check a folder with the job's files, manifest and provenance instead; needs --key."),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run the executor again in its sandbox and compare the bytes; needs regen-runner.")
    ] = False,
    time_limit: Annotated[int, typer.Option("--time-limit", min=1, help="Seconds that the second run may take.")] = (
        DEFAULT_TIME_LIMIT
    ),
    output: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """Check a COMPLETED job's output against what was recorded.

    Every object is read. Compared are size and SHA-256 of each with the database, manifest and provenance with the rows, the
    instruction and each other, the audit events with the rows, and with --key the provenance's signature. With --offline
    all of that but rows and events, from files alone. Exits 5 where something differs.
    """
    keys = load_keys(key or ())
    if offline is not None:
        if not keys or rerun:
            msg = "--offline: expected --key and no --rerun beside it: without a key the files vouch for themselves alone"
            raise ValidationFailed(msg)
        folder = look(offline, job_id, key or ())
        verdict = judge(folder.envelope, keys)
        _add_signature(folder.violations, folder.job_id, verdict)
        _finish(Checked(folder.job_id, folder.lines, folder.violations, {"files": folder.files}, rerun=False), verdict, output)
        return
    if job_id is None:
        msg = "JOB: expected the id of a job, or --offline FOLDER, got neither"
        raise ValidationFailed(msg)
    with open_jobs(api_url) as jobs, progress("reading the objects"):
        snapshot = jobs.proof(job_id, _require_completed)
    [job] = snapshot.jobs
    violations, verdict = check(snapshot), judge(_envelope(job), keys)
    if keys:
        _add_signature(violations, job_id, verdict)
    lines = [] if violations else _lines(job)
    if rerun and not violations:
        violations += run_again(job, time_limit)
        lines.append(f"ok  another run  gives the same bytes of {len(job.outputs)} outputs")
    _finish(Checked(job.id, lines, violations, _shape(job), rerun=rerun), verdict, output)


def _require_completed(job: JobRecord) -> None:
    if job.status is not JobStatus.COMPLETED or job.ended_before_regen:
        was = "one that was COMPLETED before regen was installed" if job.ended_before_regen else str(job.status)
        msg = f"job {job.id}: expected a COMPLETED job, which alone has an output to verify, got {was}"
        raise NotFound(msg)


def _envelope(job: JobRecord) -> Envelope | None:
    """The job's provenance; None where there is none, or none that can be read, which is a violation of its own."""
    content = job.objects.provenance if job.objects is not None else None
    try:
        return parse_bundle(content) if content else None
    except ValueError:
        return None


def _add_signature(violations: list[Violation], job_id: str, verdict: Verdict) -> None:
    """A signature that was asked for and is not there is a violation."""
    if verdict.trust is Trust.VALID:
        return
    got = {Trust.MISSING: "no provenance", Trust.UNSIGNED: "a provenance without a signature"}.get(
        verdict.trust, f"one that none of them made (it names key {verdict.keyid})"
    )
    message = f"signature: expected one by a key of --key, got {got}"
    violations.append(Violation(Invariant.PROVENANCE, job_id, message, _NOT_SIGNED))


def _finish(checked: Checked, verdict: Verdict, output: Format) -> None:
    """Says everything, and ends the process where something does not hold."""
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
        for line in (*checked.lines, *_said_of_the_signature(verdict), *_not_looked_at(verdict, rerun=checked.rerun)):
            typer.echo(printable(line))
    if checked.violations:
        raise typer.Exit(VIOLATION)


def _said_of_the_signature(verdict: Verdict) -> list[str]:
    return {
        Trust.VALID: [f"ok  signature  by key {verdict.keyid}"],
        Trust.UNSIGNED: ["not signed: the provenance carries no signature, so whoever can write the store can have written it"],
        Trust.MISSING: ["no provenance: the job completed under a release that made none"],
    }.get(verdict.trust, [])


def _not_looked_at(verdict: Verdict, *, rerun: bool) -> list[str]:
    signature = f"the signature by key {verdict.keyid} (--key)" if verdict.trust is Trust.UNCHECKED else None
    again = None if rerun else "whether another run gives the same bytes (--rerun)"
    return [f"not looked at: {one}" for one in (signature, again) if one is not None]


def _lines(job: JobRecord) -> list[str]:
    lines = [f"ok  {one.name}  {size(one.size_bytes)}  sha256 {one.sha256}" for one in job.outputs]
    lines.append(f"ok  manifest  {job.output_ref}")
    if job.objects is not None and job.objects.provenance:
        lines.append("ok  provenance  says what manifest, rows and instruction say")
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
