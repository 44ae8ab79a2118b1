"""``regen verify``: is a job's output what it was when the job completed?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.exits import VIOLATION, NotFound
from regen_cli.findings import print_violations, progress
from regen_cli.printing import Format, FormatOption, emit, size
from regen_cli.shapes import violation_shape
from regen_cli.showing import JobArgument  # noqa: TC001 - typer reads the annotation
from regen_core.canonical import instruction_digest
from regen_core.invariants import check
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from regen_core.invariants import JobRecord, Violation


def verify(job_id: JobArgument, *, output: FormatOption = Format.TABLE, api_url: ApiUrlOption = None) -> None:
    """Check a COMPLETED job's output against what was recorded.

    Every object is read. Compared are size and SHA-256 of each with the database, the manifest with the rows and the
    instruction, and the audit events with both; over the API, as the API gives them. Exits 5 where something differs.
    There is no signature to check yet.
    """
    with open_jobs(api_url) as jobs, progress("reading the objects"):
        snapshot = jobs.proof(job_id, _judge)
    [job] = snapshot.jobs
    violations = check(snapshot)
    if output is Format.TABLE:
        _print(job, violations)
    else:
        emit(_shape(job, violations), output)
    if violations:
        raise typer.Exit(VIOLATION)


def _judge(job: JobRecord) -> None:
    if job.status is not JobStatus.COMPLETED or job.ended_before_regen:
        was = "one that was COMPLETED before regen was installed" if job.ended_before_regen else str(job.status)
        msg = f"job {job.id}: expected a COMPLETED job, which alone has an output to verify, got {was}"
        raise NotFound(msg)


def _print(job: JobRecord, violations: list[Violation]) -> None:
    print_violations(violations)
    if violations:
        typer.echo(f"job {job.id}: violations: {len(violations)}")
        return
    for one in job.outputs:
        typer.echo(f"ok  {one.name}  {size(one.size_bytes)}  sha256 {one.sha256}")
    typer.echo(f"ok  manifest  {job.output_ref}")
    typer.echo(f"ok  instruction  sha256 {instruction_digest(job.instruction)}")
    typer.echo(f"ok  audit trail  {len(job.events)} events in an unbroken chain")
    typer.echo("not looked at: a signature (none is made), and whether another run gives the same bytes")


def _shape(job: JobRecord, violations: list[Violation]) -> dict[str, Any]:
    objects = job.objects.found if job.objects is not None else {}
    return {
        "jobId": job.id,
        "ok": not violations,
        "outputRef": job.output_ref,
        "objects": [
            {"ref": ref, "sizeBytes": found.size_bytes, "sha256": found.sha256} for ref, found in sorted(objects.items())
        ],
        "events": len(job.events),
        "signature": None,
        "violations": [violation_shape(one) for one in violations],
    }
