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


def list_jobs(
    *,
    status: Annotated[
        list[JobStatus] | None,
        typer.Option(
            "--status",
            "-s",
            metavar="STATUS",
            case_sensitive=False,
            help="Only jobs of this status, such as failed; may be repeated.",
        ),
    ] = None,
    job_type: Annotated[str | None, typer.Option("--type", "-t", help="Only jobs of this type.")] = None,
    requested_by: Annotated[str | None, typer.Option("--requested-by", help="Only jobs of this requester.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Jobs on a page.")] = 20,
    cursor: Annotated[str | None, typer.Option("--cursor", help="The page after this; an earlier page names it.")] = None,
    output: FormatOption = Format.TABLE,
    api_url: ApiUrlOption = None,
) -> None:
    """List jobs, newest first."""
    with open_jobs(api_url) as jobs:
        page = jobs.page(Wanted(status or [], job_type, requested_by, cursor), limit)
    if output is not Format.TABLE:
        emit({"items": [line_shape(line) for line in page.lines], "nextCursor": page.following}, output)
        return
    show_tables(table(COLUMNS, (cells(line) for line in page.lines)))
    if page.following:
        say(f"there are more: --cursor '{page.following}'")
    elif not page.lines:
        say("no such jobs")


def cells(line: JobLine) -> tuple[str | Text, ...]:
    """A job's row in a table of ``COLUMNS``."""
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
