"""``regen audit``: verify and export the audit trail."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regen_cli.database import Database
from regen_cli.exits import VIOLATION
from regen_cli.findings import print_violations, progress
from regen_cli.jobs_database import absent
from regen_cli.printing import Format, FormatOption, emit, moment, printable
from regen_cli.shapes import event_shape, violation_shape
from regen_core.audit_chain import AuditRecord
from regen_core.errors import ValidationFailed
from regen_verify import Snapshot, Violation, check
from regen_verify.checker import AUDIT_CHECKS
from regen_verify.gather import jobs_without_row, snapshots
from regen_verify.trail import is_repaired

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(help="Verify and export the audit trail.", no_args_is_help=True, rich_markup_mode=None)

EVENTS_PER_PAGE = 2000


@app.command()
def verify(
    job_id: Annotated[
        str | None, typer.Argument(metavar="JOB", help="The job to check; all jobs if omitted.", show_default=False)
    ] = None,
    *,
    output: FormatOption = Format.TABLE,
) -> None:
    """Check that every hash chain is unbroken, that every transition has one event, and that events match the rows.

    Exits 5 if there are violations. Events that the operator added later are listed as repaired.
    """
    jobs, events = 0, 0
    violations: list[Violation] = []
    repaired: list[AuditRecord] = []
    with Database.from_environment() as database, progress("jobs checked") as count:
        for snapshot in _snapshots(database, job_id):
            found = check(snapshot, AUDIT_CHECKS)
            late = [event for job in snapshot.jobs for event in job.events if is_repaired(event)]
            if output is Format.TABLE:
                print_violations(found)
                _print_repaired(late)
            violations += found
            repaired += late
            jobs += len(snapshot.jobs)
            events += sum(len(job.events) for job in snapshot.jobs)
            count(len(snapshot.jobs))
        if job_id is not None and not jobs and not violations:
            raise absent(database, job_id)
    if output is Format.TABLE:
        typer.echo(f"jobs: {jobs}, events: {events}, repaired: {len(repaired)}, violations: {len(violations) or 'none'}")
    else:
        emit(
            {
                "jobs": jobs,
                "events": events,
                "repaired": [event_shape(event) for event in repaired],
                "violations": [violation_shape(one) for one in violations],
            },
            output,
        )
    if violations:
        raise typer.Exit(VIOLATION)


@app.command()
def export(
    *,
    job_id: Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only this job's events.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only events since this ISO 8601 time; UTC if it has no zone."),
    ] = None,
) -> None:
    """Write audit events to standard output as JSON Lines, oldest first.

    "detailText" is PostgreSQL's text of "detail". The hash covers this text, so a copy can be verified without the
    database.
    """
    start = None if since is None else _moment(since)
    with Database.from_environment() as database, progress("events written") as count:
        for page in _pages(database, job_id, start):
            sys.stdout.writelines(json.dumps(_line(event)) + "\n" for event in page)
            count(len(page))
    sys.stdout.flush()


def _snapshots(database: Database, job_id: str | None) -> Iterator[Snapshot]:
    yield from snapshots(database.read, ids=None if job_id is None else [job_id])
    if job_id is None:
        yield from jobs_without_row(database.read)


def _print_repaired(events: list[AuditRecord]) -> None:
    for event in events:
        typer.echo(printable(f"repaired job {event.job_id}: audit event {event.id} ({event.event}) of {moment(event.at)}"))


def _pages(database: Database, job_id: str | None, since: datetime | None) -> Iterator[list[AuditRecord]]:
    """Yield the events that exist at the start.

    All pages come from one snapshot: a transaction can write several events of one job, with other ids between them, and would
    otherwise be exported in part if it commits during the export.
    """
    name = "export" if job_id is None else "export_job"
    given = {"since": since, "job_id": job_id, "limit": EVENTS_PER_PAGE}
    after = 0
    with database.snapshot():
        while rows := database.named(name, given | {"after": after}):
            page = [AuditRecord(*row) for row in rows]
            yield page
            after = page[-1].id


def _line(event: AuditRecord) -> dict[str, Any]:
    return event_shape(event) | {"detailText": event.detail}


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"--since must be an ISO 8601 time such as 2026-01-31T12:00:00Z, not {text!r}."
        raise ValidationFailed(msg) from error
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
