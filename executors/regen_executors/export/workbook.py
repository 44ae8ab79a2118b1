"""A table as XLSX with XlsxWriter: every cell is written by its type, so that no text becomes a formula or a link.

Excel keeps 15 digits of a number and counts days from 1900-01-01 with a leap day that was not. What its numbers and dates
cannot hold exactly is written as text: whole numbers beyond 10^15, decimals and doubles of more than 15 digits, NaN and the
infinities, days before 1900-03-01. Times are shown to the second and kept to the millisecond; finer ones are text.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import xlsxwriter  # type: ignore[import-untyped]

from regen_executors.export.kinds import text_of
from regen_executors.export.writing import batches, bound_file
from regen_executors.interface import Capped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regen_executors.export.columns import Column

MAX_ROWS: Final = 1_048_576
"""Excel's rows, that of the names included."""

MAX_COLUMNS: Final = 16_384
MAX_CHARACTERS: Final = 32_767
"""Excel's characters in a cell, counted in UTF-16 code units."""

_MAX_EXACT = 10**15
_FIRST_DAY = date(1900, 3, 1)
_EPOCH = datetime(1980, 1, 1)  # noqa: DTZ001 - XlsxWriter takes naive UTC; the first date that a zip file can hold
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_xlsx(path: Path, count: int, columns: Sequence[Column], sheet: str) -> None:
    """One sheet, its first row the names, frozen.

    Raises:
        Capped: there are more rows or columns than a sheet has, a text is longer than a cell holds, or the file too large.
    """
    if count + 1 > MAX_ROWS:
        raise Capped("inputs.formats", f"xlsx holds {MAX_ROWS - 1} rows beneath the names at the most, got {count}")
    if len(columns) > MAX_COLUMNS:
        raise Capped("inputs.formats", f"xlsx holds {MAX_COLUMNS} columns at the most, got {len(columns)}")
    book = xlsxwriter.Workbook(str(path), _OPTIONS)
    try:
        book.set_properties({"created": _EPOCH})
        _fill(book, book.add_worksheet(sheet), count, columns)
    finally:
        book.close()
    bound_file(path)


def _fill(book: Any, page: Any, count: int, columns: Sequence[Column]) -> None:
    bold = book.add_format({"bold": True})
    formats = {
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    page.freeze_panes(1, 0)
    for position, found in enumerate(columns):
        _write_text(page, 0, position, found.name, bold)
    line = 0
    for rows in batches(count, columns):
        for row in rows:
            line += 1
            for position, value in enumerate(row):
                _write(page, line, position, value, formats)


def _write(page: Any, row: int, position: int, value: Any, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        page.write_boolean(row, position, value)
    elif isinstance(value, int | float | Decimal) and _is_exact(value):
        page.write_number(row, position, value)
    elif isinstance(value, datetime) and value.date() >= _FIRST_DAY and value.microsecond % 1000 == 0:
        page.write_datetime(row, position, value, formats["time"])
    elif isinstance(value, date) and not isinstance(value, datetime) and value >= _FIRST_DAY:
        page.write_datetime(row, position, value, formats["date"])
    else:
        _write_text(page, row, position, text_of(value), None)


def _write_text(page: Any, row: int, position: int, text: str, style: Any) -> None:
    if len(text) > MAX_CHARACTERS // 2 and len(text.encode("utf-16-le")) > 2 * MAX_CHARACTERS:
        raise Capped(
            "inputs.formats", f"an xlsx cell holds {MAX_CHARACTERS} characters; row {row}, column {position + 1} has more"
        )
    # An empty string is nothing to write_string without a format, which is what an empty cell is in Excel, too.
    page.write_string(row, position, text, style)


def _is_exact(value: float | Decimal) -> bool:
    """Whether Excel, which keeps 15 significant digits, keeps ``value``."""
    if isinstance(value, int):
        return abs(value) <= _MAX_EXACT
    if isinstance(value, float):
        return isfinite(value) and (float(f"{value:.15g}") == value)
    return len(value.normalize().as_tuple().digits) <= 15
