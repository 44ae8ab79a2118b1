"""``regen watch``: follow jobs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.live import Live

from regen_cli import follow
from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.exits import JOB_FAILED
from regen_cli.listing import COLUMNS, OPTIONAL, cells
from regen_cli.printing import console, duration, moment, printable, table
from regen_core.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regen_cli.jobs import JobLine, Jobs

SHOWN: Final = 20


def watch(
    job_ids: Annotated[
        list[str] | None, typer.Argument(metavar="JOB", help="Jobs to follow until they end.", show_default=False)
    ] = None,
    *,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, help="Seconds to watch before giving up; exit 6 if jobs have not ended.")
    ] = None,
    api_url: ApiUrlOption = None,
) -> None:
    """Follow jobs until they end, or all current jobs until Ctrl-C.

    Exits 4 if one of the given jobs is FAILED. Shows a live table on a terminal, and one line per change in a pipe.
    """
    ids = list(dict.fromkeys(job_ids or []))
    last: list[JobLine] = []
    with open_jobs(api_url) as jobs:
        states = follow.until_ended(jobs, ids, timeout) if ids else _everything(jobs, timeout)
        for last in _shown(states):  # noqa: B007 - only the last state counts
            pass
    if ids and any(line.status is JobStatus.FAILED for line in last):
        raise typer.Exit(JOB_FAILED)


def _everything(jobs: Jobs, seconds: float | None) -> Iterator[list[JobLine]]:
    deadline = None if seconds is None else time.monotonic() + seconds
    jobs.listen()
    while deadline is None or time.monotonic() < deadline:
        yield jobs.current(SHOWN)
        jobs.wait(jobs.pause(1))


def _shown(states: Iterable[list[JobLine]]) -> Iterator[list[JobLine]]:
    """Yield each state of the jobs after printing it."""
    if sys.stdout.isatty():
        with Live(console=console(), auto_refresh=False) as live:
            for lines in states:
                live.update(table(COLUMNS, (cells(line) for line in lines), optional=OPTIONAL), refresh=True)
                yield lines
        return
    seen: dict[str, JobStatus] = {}
    for lines in states:
        for line in lines:
            if seen.get(line.id) is not line.status:
                typer.echo(_change(line))
        seen = {line.id: line.status for line in lines}
        sys.stdout.flush()
        yield lines


def _change(line: JobLine) -> str:
    at = line.completed_at or line.locked_at or line.created_at
    after = f" after {duration(line.run_time)}" if line.status.is_terminal else ""
    why = f" {line.classification}" if line.classification else ""
    return printable(f"{moment(at)}  {line.id}  {line.type or '?'}  {line.status}{why}{after}")
