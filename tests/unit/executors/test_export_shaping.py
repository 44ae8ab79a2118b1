"""Are columns, filters, sorting and limit what the instruction says, on real data?"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ROWS: list[dict[str, Any]] = [
    {"n": 3, "s": "c", "f": "NaN", "b": True},
    {"n": 1, "s": "a", "f": "2", "b": False},
    {"n": None, "s": "b", "f": "1", "b": None},
    {"n": 3, "s": None, "f": None, "b": True},
    {"n": 2, "s": "ab", "f": "-1", "b": False},
]


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_airports_are_typed_filtered_sorted_cut_and_renamed(run: Callable[..., dict[str, bytes]], datasets: Path) -> None:
    inputs = {
        "source": "airports.csv",
        "columns": [
            {"name": "iata", "as": "code"},
            {"name": "latitude", "type": "float64"},
            {"name": "state", "hidden": True},
        ],
        "filters": [
            {"column": "state", "op": "in", "value": ["CA", "NY"]},
            {"column": "latitude", "op": "lt", "value": 40},
            {"column": "name", "op": "contains", "value": "Municipal"},
        ],
        "sort": [{"column": "latitude", "descending": True}],
        "limit": 10,
    }
    made = _rows(run("export", inputs, {"airports.csv": datasets / "airports.csv"})["export.csv"])
    with (datasets / "airports.csv").open(newline="") as file:
        wanted = [r for r in csv.DictReader(file) if r["state"] in {"CA", "NY"} and float(r["latitude"]) < 40]
    wanted = [r for r in wanted if "Municipal" in r["name"]]
    wanted.sort(key=lambda r: float(r["latitude"]), reverse=True)
    assert made == [{"code": r["iata"], "latitude": repr(float(r["latitude"]))} for r in wanted[:10]]
    assert len(made) == 10


def test_cars_of_a_json_source_keep_every_row(run: Callable[..., dict[str, bytes]], datasets: Path) -> None:
    made = run("export", {"source": "cars.json", "formats": ["jsonl"]}, {"cars.json": datasets / "cars.json"})
    cars = json.loads((datasets / "cars.json").read_text())
    assert [json.loads(line) for line in made["export.jsonl"].splitlines()] == cars


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ({"column": "n", "op": "eq", "value": 3}, [0, 3]),
        ({"column": "n", "op": "ne", "value": 3}, [1, 4]),
        ({"column": "n", "op": "lt", "value": 2}, [1]),
        ({"column": "n", "op": "le", "value": 2}, [1, 4]),
        ({"column": "n", "op": "gt", "value": 2}, [0, 3]),
        ({"column": "n", "op": "ge", "value": 2}, [0, 3, 4]),
        ({"column": "n", "op": "in", "value": [1, 2]}, [1, 4]),
        ({"column": "n", "op": "in", "value": []}, []),
        ({"column": "n", "op": "isnull", "value": True}, [2]),
        ({"column": "n", "op": "isnull", "value": False}, [0, 1, 3, 4]),
        ({"column": "s", "op": "contains", "value": "b"}, [2, 4]),
        ({"column": "s", "op": "contains", "value": ".*"}, []),
        ({"column": "s", "op": "gt", "value": "ab"}, [0, 2]),
        ({"column": "b", "op": "eq", "value": True}, [0, 3]),
    ],
)
def test_a_filter_keeps_the_rows_that_hold(
    run: Callable[..., dict[str, bytes]], condition: dict[str, Any], rows: list[int]
) -> None:
    numbered = [row | {"row": index} for index, row in enumerate(_ROWS)]
    made = run("export", {"rows": numbered, "columns": [{"name": "row"}], "filters": [condition]})
    assert [int(row["row"]) for row in _rows(made["export.csv"])] == rows


@pytest.mark.parametrize(
    ("sort", "rows"),
    [
        ([{"column": "n"}], [1, 4, 0, 3, 2]),
        ([{"column": "n", "descending": True}], [0, 3, 4, 1, 2]),
        ([{"column": "n"}, {"column": "s"}], [1, 4, 0, 3, 2]),
        ([{"column": "b"}, {"column": "n", "descending": True}], [4, 1, 0, 3, 2]),
        ([{"column": "f"}], [4, 2, 1, 0, 3]),
        ([{"column": "f", "descending": True}], [1, 2, 4, 0, 3]),
    ],
)
def test_sorting_is_stable_and_puts_nan_then_nulls_last(
    run: Callable[..., dict[str, bytes]], sort: list[dict[str, Any]], rows: list[int]
) -> None:
    numbered = [row | {"row": index} for index, row in enumerate(_ROWS)]
    columns = [{"name": "row"}, {"name": "f", "type": "float64", "hidden": True}]
    made = run("export", {"rows": numbered, "columns": columns, "sort": sort})
    assert [int(row["row"]) for row in _rows(made["export.csv"])] == rows


def test_no_rows_still_make_a_table_of_the_columns_asked_for(run: Callable[..., dict[str, bytes]]) -> None:
    made = run("export", {"rows": [], "columns": [{"name": "a"}, {"name": "b", "type": "date"}], "formats": ["csv", "jsonl"]})
    assert made == {"export.csv": b"a,b\r\n", "export.jsonl": b""}


@pytest.mark.parametrize(("text", "guarded"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-1", "'-1"), ("+1", "'+1"), ("a=1", "a=1")])
def test_the_formula_guard_marks_text_that_a_spreadsheet_would_run(
    run: Callable[..., dict[str, bytes]], text: str, guarded: str
) -> None:
    rows = [{"t": text, "n": -1}]
    assert _rows(run("export", {"rows": rows})["export.csv"]) == [{"t": text, "n": "-1"}]
    assert _rows(run("export", {"rows": rows, "csvFormulaGuard": True})["export.csv"]) == [{"t": guarded, "n": "-1"}]
