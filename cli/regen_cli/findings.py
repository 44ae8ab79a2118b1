"""Print violations and progress of ``fsck``, ``verify`` and ``audit verify``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from regen_cli.printing import error_console, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regen_verify import Violation


def print_violations(violations: Sequence[Violation]) -> None:
    """Print each violation on two lines of standard output: the violation, and what to do."""
    for one in violations:
        job = f"job {one.job_id}: " if one.job_id is not None else ""
        typer.echo(printable(f"VIOLATION {one.invariant}: {job}{one.message}"))
        typer.echo(printable(f"  what to do: {one.remedy}"))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show a counter on standard error if it is a terminal. Call the value with the number of new items."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=error_console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)
