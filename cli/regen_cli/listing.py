"""``regen list``: jobs, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.jobs import Wanted
from regen_cli.printing import Format, FormatOption, duration, emit, printable, say, show_tables, status_text, table
from regen_cli.shapes import line_shape
from regen_core.states import JobStatus  # noqa: TC001 - typer reads the annotation

if TYPE_CHECKING:
    from rich.text import Text

    from regen_cli.jobs import JobLine

COLUMNS = ("JOB", "TYPE", "STATUS", "PRIO", "RUN TIME", "AGE", "REQUESTED BY")
OPTIONAL = ("REQUESTED BY", "PRIO", "RUN TIME", "AGE", "TYPE")
"""The columns that a narrow terminal leaves out, first to last."""


def list_jobs(
    *,
    status: Annotated[
        list[JobStatus] | None,
        typer.Option(
            "--status",
            "-s",
            metavar="STATUS",
            case_sensitive=False,
            help="Only jobs with this status, such as failed; can be repeated.",
        ),
    ] = None,
    job_type: Annotated[str | None, typer.Option("--type", "-t", help="Only jobs of this type.")] = None,
    requested_by: Annotated[str | None, typer.Option("--requested-by", help="Only jobs of this requester.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Jobs per page.")] = 20,
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="Show the page after this one; an earlier page prints it.")
    ] = None,
    output: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """List jobs, newest first."""
    with open_jobs(api_url) as jobs:
        page = jobs.page(Wanted(status or [], job_type, requested_by, cursor), limit)
    if output is not Format.TABLE:
        emit({"items": [line_shape(line) for line in page.lines], "nextCursor": page.following}, output)
        return
    show_tables(table(COLUMNS, (cells(line) for line in page.lines), optional=OPTIONAL))
    if page.following:
        say(f"more jobs: --cursor '{page.following}'")
    elif not page.lines:
        say("no jobs match")


def cells(line: JobLine) -> tuple[str | Text, ...]:
    """Return a job's row in a table of ``COLUMNS``."""
    status = status_text(line.status)
    if line.classification:
        status.append(f" {printable(line.classification)}", style="dim")
    return (
        line.id,
        line.type or "?",
        status,
        str(line.priority),
        duration(line.run_time),
        duration(line.age),
        line.requested_by or "",
    )
