"""What people and machines are shown: tables, JSON and YAML on standard output, everything said beside it on standard error."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

COLOURS: Final = {"PENDING": "dim", "RUNNING": "yellow", "COMPLETED": "green", "FAILED": "red"}
_UNBOUNDED: Final = 100_000
"""Columns; what is piped on is never cut."""


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[
    Format, typer.Option("--output", "-o", help="table is for people; json and yaml are stable, for machines.")
]


def emit(value: Any, form: Format) -> None:
    """Writes a JSON value as JSON or YAML, in ASCII: other characters are escaped, so that none steers a terminal."""
    if form is Format.YAML:
        import yaml  # noqa: PLC0415 - start only what this command uses

        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=False))
    else:
        sys.stdout.write(json.dumps(value, indent=2) + "\n")


def say(text: str) -> None:
    """One line on standard error: what happens, never the answer itself."""
    typer.echo(f"regen: {printable(text)}", err=True)


def console() -> Console:
    """Standard output as rich sees it: as wide as the terminal, or as wide as it likes."""
    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED, highlight=False, markup=False, emoji=False)


def show_tables(*tables: Table) -> None:
    """Writes tables one below the other; piped on, without the blanks that fill their last column."""
    out = console()
    with out.capture() as captured:
        for number, one in enumerate(tables):
            out.print(*([""] if number else []), one, sep="\n")
    text = captured.get()
    sys.stdout.write(text if sys.stdout.isatty() else "".join(f"{line.rstrip()}\n" for line in text.splitlines()))


def error_console() -> Console:
    """Where progress goes."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A plain table, one line per row; where the terminal is too narrow the last column takes more. Cells are made safe."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        last = column == columns[-1]
        made.add_column(column, no_wrap=not last, overflow="fold" if last else "ellipsis")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    return made


def fields(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Names on the left, values on the right, which may take several lines."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(no_wrap=True, style="bold")
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value if isinstance(value, Text) else Text(printable(value)))
    return made


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(status, style=COLOURS.get(status, ""))


def printable(text: str) -> str:
    """The text without what would steer a terminal: an error's message may come from an executor."""
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def stamp(at: datetime | None) -> str | None:
    """UTC in ISO 8601 with milliseconds, as JSON has it."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def moment(at: datetime | None) -> str:
    """UTC to the second, as people read it."""
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
