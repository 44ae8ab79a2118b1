"""Is every cell of a workbook what the value is, and never a formula or a link?"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from regen_executors.export import workbook
from regen_executors.interface import Capped

if TYPE_CHECKING:
    from collections.abc import Callable


def _cells(content: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    return [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows()]


def _made(run: Callable[..., dict[str, bytes]], rows: list[dict[str, Any]], **inputs: Any) -> bytes:
    return run("export", {"rows": rows, "formats": ["xlsx"], **inputs})["export.xlsx"]


@pytest.mark.parametrize(
    "text", ["=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "https://example.com", "mailto:a@b", "{=1}", "internal:x"]
)
def test_text_is_text(run: Callable[..., dict[str, bytes]], text: str) -> None:
    content = _made(run, [{text: text}])
    assert _cells(content) == [[(text, "s")], [(text, "s")]]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b"hyperlink" not in sheet


def test_numbers_that_excel_would_round_are_text(run: Callable[..., dict[str, bytes]]) -> None:
    rows = [{"n": "12345678901234567", "f": "0.1", "d": "0.1234567890123456"}, {"n": "12", "f": "NaN", "d": "1.5"}]
    columns = [{"name": "n", "type": "int64"}, {"name": "f", "type": "float64"}, {"name": "d", "type": "decimal"}]
    assert _cells(_made(run, rows, columns=columns))[1:] == [
        [("12345678901234567", "s"), (0.1, "n"), ("0.1234567890123456", "s")],
        [(12, "n"), ("NaN", "s"), (1.5, "n")],
    ]


def test_dates_times_booleans_and_nulls_have_their_types(run: Callable[..., dict[str, bytes]]) -> None:
    rows: list[dict[str, Any]] = [
        {"d": "2024-02-29", "t": "2024-02-29T12:30:15Z", "b": True, "x": None},
        {"d": "1900-02-28", "t": None, "b": None, "x": "y"},
    ]
    columns = [{"name": "d", "type": "date"}, {"name": "t", "type": "timestamp"}, {"name": "b"}, {"name": "x"}]
    assert _cells(_made(run, rows, columns=columns))[1:] == [
        [(datetime(2024, 2, 29), "d"), (datetime(2024, 2, 29, 12, 30, 15), "d"), (True, "b"), (None, "n")],  # noqa: DTZ001
        [("1900-02-28", "s"), (None, "n"), (None, "n"), ("y", "s")],
    ]


def test_the_workbook_has_no_date_of_its_own(run: Callable[..., dict[str, bytes]]) -> None:
    content = _made(run, [{"a": 1}])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
    assert openpyxl.load_workbook(io.BytesIO(content)).properties.created == datetime(1980, 1, 1)  # noqa: DTZ001


def test_a_cell_holds_32767_utf16_units_and_no_more(run: Callable[..., dict[str, bytes]]) -> None:
    assert _cells(_made(run, [{"a": "x" * 32_767}]))[1] == [("x" * 32_767, "s")]
    for text in ("x" * 32_768, "\U0001f600" * 16_384):
        with pytest.raises(Capped, match=r"^inputs\.formats: an xlsx cell holds 32767"):
            _made(run, [{"a": text}])


@pytest.mark.parametrize(("limit", "value"), [("MAX_ROWS", 2), ("MAX_COLUMNS", 1)])
def test_what_a_sheet_cannot_hold_is_capped(
    run: Callable[..., dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    assert (workbook.MAX_ROWS, workbook.MAX_COLUMNS) == (1_048_576, 16_384)
    monkeypatch.setattr(workbook, limit, value)
    with pytest.raises(Capped, match=r"^inputs\.formats: xlsx holds 1 "):
        _made(run, [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
