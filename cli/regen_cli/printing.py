"""Write tables, JSON and YAML to standard output, and messages to standard error."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

COLOURS: Final = {"PENDING": "dim", "RUNNING": "yellow", "COMPLETED": "green", "FAILED": "red"}
_GAP: Final = 1
"""Columns between two columns of a table."""
_UNBOUNDED: Final = 100_000
"""Columns. Output to a pipe is never cut."""


class Format(StrEnum):
    """Output formats."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[
    Format, typer.Option("--output", "-o", help="table for people; json or yaml, which are stable, for scripts.")
]


def emit(value: Any, form: Format) -> None:
    """Write a JSON value as JSON or YAML. Non-ASCII characters are escaped so that no value can control the terminal."""
    if form is Format.YAML:
        import yaml  # noqa: PLC0415 - start only what this command uses

        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=False))
    else:
        sys.stdout.write(json.dumps(value, indent=2) + "\n")


def say(text: str) -> None:
    """Write one line to standard error."""
    typer.echo(f"regen: {printable(text)}", err=True)


def console() -> Console:
    """Standard output: as wide as the terminal, or unlimited when piped."""
    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED, highlight=False, markup=False, emoji=False)


def show_tables(*tables: Table) -> None:
    """Write tables one below the other, without trailing spaces when piped."""
    out = console()
    with out.capture() as captured:
        for number, one in enumerate(tables):
            out.print(*([""] if number else []), one, sep="\n")
    text = captured.get()
    sys.stdout.write(text if sys.stdout.isatty() else "".join(f"{line.rstrip()}\n" for line in text.splitlines()))


def error_console() -> Console:
    """Standard error, for progress."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, optional: Sequence[str] = ()) -> Table:
    """Build a plain table. Only the last column wraps; no other cell is ever cut.

    Args:
        columns: the headings.
        rows: the cells; control characters are escaped.
        optional: headings of the columns to leave out, in this order, while the table is wider than the terminal.
    """
    cells = [[cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row] for row in rows]
    widths = {name: max([cell_len(name), *(row[number].cell_len for row in cells)]) for number, name in enumerate(columns)}
    left_out: set[str] = set()
    for name in optional:
        shown = [width for column, width in widths.items() if column not in left_out]
        if sum(shown) + _GAP * (len(shown) - 1) <= console().width:
            break
        left_out.add(name)
    kept = [number for number, name in enumerate(columns) if name not in left_out]
    built = Table(box=None, pad_edge=False, header_style="bold")
    for number in kept:
        last = number == kept[-1]
        name = columns[number]
        built.add_column(name, no_wrap=not last, overflow="fold", min_width=None if last else widths[name])
    for row in cells:
        built.add_row(*(row[number] for number in kept))
    return built


def fields(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Names on the left, values on the right. Long values wrap."""
    built = Table(box=None, pad_edge=False, show_header=False)
    built.add_column(no_wrap=True, style="bold")
    built.add_column(overflow="fold")
    for name, value in rows:
        built.add_row(name, value if isinstance(value, Text) else Text(printable(value)))
    return built


def status_text(status: str) -> Text:
    """A status in its color."""
    return Text(status, style=COLOURS.get(status, ""))


def printable(text: str) -> str:
    """Escape control characters, since an error message can come from an executor."""
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def stamp(at: datetime | None) -> str | None:
    """UTC in ISO 8601 with milliseconds, for JSON."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def moment(at: datetime | None) -> str:
    """UTC to the second, for people."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def duration(span: timedelta | None) -> str:
    """``0.4s``, ``12s``, ``3m20s``, ``5h07m``, ``12d``."""
    if span is None:
        return ""
    seconds = max(span, timedelta()).total_seconds()
    whole = int(seconds)
    if seconds < 10:
        return f"{seconds:.1f}s"
    if whole < 120:
        return f"{whole}s"
    if whole < 7200:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 172_800:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d"


def size(count: int) -> str:
    """``17 B``, ``2.4 KiB``."""
    number, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
