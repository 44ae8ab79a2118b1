"""What a source may have at most, and the column names that no format can carry."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from regen_executors.export.inputs import MAX_COLUMNS, MAX_ROWS
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = "inputs.source"


def bound_rows(count: int, field: str) -> None:
    """Refuses more than ``MAX_ROWS`` rows.

    Raises:
        Capped: there are more.
    """
    if count > MAX_ROWS:
        raise Capped(field, f"more than {MAX_ROWS} rows")


def bound_columns(count: int, field: str) -> None:
    """Refuses more than ``MAX_COLUMNS`` columns.

    Raises:
        Capped: there are more.
    """
    if count > MAX_COLUMNS:
        raise Capped(field, f"more than {MAX_COLUMNS} columns")


def refuse_duplicates(names: Iterable[str]) -> None:
    """Refuses a column name that occurs twice.

    Raises:
        InvalidInput: names the first such column.
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidInput(SOURCE, f"expected column names that differ, got {twice[0]!r} more than once")


def refuse_unusable_names(names: Iterable[str], field: str) -> None:
    """Refuses empty names, names of more than 255 characters, and half characters.

    Raises:
        InvalidInput: names the first such column.
    """
    for name in names:
        if not name or len(name) > 255:
            raise InvalidInput(field, f"expected column names of 1 to 255 characters, got {name[:40]!r}")
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise InvalidInput(field, f"expected column names that UTF-8 can hold, got {name[:40]!r}")
