"""Does every value arrive exactly, in each format and through each cast?"""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regen_executors.export.kinds import Kind, convert, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["", " ", "=1+1", '"', "\r\n", "a,b", "NaN", "null"]
)
_ROWS = st.lists(st.fixed_dictionaries({"a": st.none() | _TEXT, "b": st.none() | _TEXT}), max_size=8)
_SLOW_FIXTURE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _parquet(content: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


def _columns(**types: str) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in types.items()]


@_SLOW_FIXTURE
@given(rows=_ROWS)
def test_text_goes_out_and_comes_back_by_every_format(run: Callable[..., dict[str, bytes]], rows: list[dict[str, Any]]) -> None:
    columns = _columns(a="string", b="string")
    made = run("export", {"rows": rows, "columns": columns, "formats": ["csv", "jsonl", "parquet"]})
    assert _parquet(made["export.parquet"]) == rows
    for name in ("export.csv", "export.jsonl", "export.parquet"):
        inputs = {"source": name, "columns": columns, "formats": ["parquet"]}
        assert _parquet(run("export", inputs, {name: made[name]})["export.parquet"]) == rows


@given(rows=_ROWS)
@_SLOW_FIXTURE
def test_csv_reads_the_same_in_the_standard_library(run: Callable[..., dict[str, bytes]], rows: list[dict[str, Any]]) -> None:
    content = run("export", {"rows": rows, "columns": _columns(a="string", b="string")})["export.csv"].decode()
    assert list(csv.reader(io.StringIO(content, newline=""), strict=True)) == [
        ["a", "b"],
        *([row["a"] or "", row["b"] or ""] for row in rows),
    ]


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans() | st.dates() | st.datetimes())
def test_the_text_of_a_value_is_the_value(value: Any) -> None:
    kinds: dict[type, Kind] = {int: "int64", float: "float64", bool: "bool", date: "date", datetime: "timestamp"}
    assert convert(text_of(value), kinds[type(value)]) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20))
def test_the_text_of_a_decimal_is_the_decimal(value: Decimal) -> None:
    assert convert(text_of(value), "decimal") == value


def test_large_integers_decimals_and_special_numbers_are_exact(run: Callable[..., dict[str, bytes]]) -> None:
    source = b'[{"i":9223372036854775807,"d":12345678901234567890.123456789012345678,"f":1e22},{"i":-9007199254740993,"d":0.1}]'
    inputs = {
        "source": "r.json",
        "columns": _columns(i="int64", d="decimal", f="float64"),
        "formats": ["csv", "jsonl", "parquet"],
    }
    made = run("export", inputs, {"r.json": source})
    assert made["export.csv"].decode().splitlines() == [
        "i,d,f",
        "9223372036854775807,12345678901234567890.123456789012345678,1e+22",
        "-9007199254740993,0.100000000000000000,",
    ]
    assert [json.loads(line, parse_float=str) for line in made["export.jsonl"].decode().splitlines()] == [
        {"i": 9223372036854775807, "d": "12345678901234567890.123456789012345678", "f": "1e+22"},
        {"i": -9007199254740993, "d": "0.100000000000000000", "f": None},
    ]
    assert _parquet(made["export.parquet"])[0]["d"] == Decimal("12345678901234567890.123456789012345678")


def test_nan_and_the_infinities_are_not_null(run: Callable[..., dict[str, bytes]]) -> None:
    rows = [{"f": text} for text in ("NaN", "Infinity", "-Infinity", "-0.0")] + [{"f": None}]
    made = run("export", {"rows": rows, "columns": _columns(f="float64"), "formats": ["csv", "jsonl", "parquet"]})
    assert made["export.csv"].decode().splitlines() == ["f", "NaN", "Infinity", "-Infinity", "-0.0", ""]
    assert [json.loads(line)["f"] for line in made["export.jsonl"].splitlines()] == ["NaN", "Infinity", "-Infinity", -0.0, None]
    assert [repr(row["f"]) for row in _parquet(made["export.parquet"])] == ["nan", "inf", "-inf", "-0.0", "None"]


def test_null_and_the_empty_string_differ_in_csv(run: Callable[..., dict[str, bytes]]) -> None:
    assert run("export", {"rows": [{"a": None, "b": ""}]})["export.csv"] == b'a,b\r\n,""\r\n'


def test_timestamps_are_utc_in_every_format(run: Callable[..., dict[str, bytes]]) -> None:
    rows = [
        {"t": "2024-02-29T12:00:00+09:00"},
        {"t": "2024-02-29 03:00"},
        {"t": "2024-02-29"},
        {"t": "2024-02-29T03:00:00.000001Z"},
    ]
    made = run("export", {"rows": rows, "columns": _columns(t="timestamp"), "formats": ["csv", "parquet"]})
    texts = ["2024-02-29T03:00:00Z", "2024-02-29T03:00:00Z", "2024-02-29T00:00:00Z", "2024-02-29T03:00:00.000001Z"]
    assert made["export.csv"].decode().splitlines() == ["t", *texts]
    assert _parquet(made["export.parquet"])[0]["t"] == datetime(2024, 2, 29, 3, tzinfo=UTC)
    again = run("export", {"source": "t.parquet"}, {"t.parquet": made["export.parquet"]})
    assert again["export.csv"] == made["export.csv"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int64", "1.0"),
        ("int64", " 1"),
        ("int64", "1_000"),
        ("int64", "٣"),
        ("int64", "9223372036854775808"),
        ("int64", 1.5),
        ("int64", True),
        ("float64", "1e999"),
        ("float64", "inf"),
        ("float64", 2**53 + 1),
        ("decimal", "1e50"),
        ("decimal", "1" * 39),
        ("decimal", "NaN"),
        ("bool", "yes"),
        ("bool", 1),
        ("date", "2024-02-30"),
        ("date", "20240229"),
        ("timestamp", "2024-02-29T24:00:00"),
        ("timestamp", "yesterday"),
        ("timestamp", 0),
    ],
)
def test_what_a_kind_cannot_hold_exactly_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected .*, got "):
        convert(value, kind)


def test_arrow_types_become_the_kind_that_holds_them(run: Callable[..., dict[str, bytes]], tmp_path: Path) -> None:
    table = pa.table(
        {
            "u": pa.array([2**64 - 1], pa.uint64()),
            "h": pa.array([7], pa.int8()),
            "c": pa.array(["x"]).dictionary_encode(),
            "z": pa.array([0], pa.timestamp("ms", "Asia/Tokyo")),
            "d": pa.array([Decimal("1.50")], pa.decimal128(5, 2)),
            "n": pa.array([None], pa.null()),
        }
    )
    path = tmp_path / "t.parquet"
    pa.parquet.write_table(table, path)
    assert run("export", {"source": "t.parquet"}, {"t.parquet": path})["export.csv"].decode().splitlines() == [
        "u,h,c,z,d,n",
        "18446744073709551615,7,x,1970-01-01T00:00:00Z,1.50,",
    ]
