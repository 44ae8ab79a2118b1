"""Does a source arrive whole, whatever wrote it, or end in a refusal that says what is wrong with it?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from regen_executors.discovery import load
from regen_executors.interface import Instruction, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., dict[str, bytes]]


def _rows(run: Run, name: str, content: bytes, **inputs: Any) -> list[dict[str, Any]]:
    made = run("export", {"source": name, "formats": ["jsonl"], **inputs}, {name: content})["export.jsonl"]
    return [json.loads(line) for line in made.decode().splitlines()]


def _refused(run: Run, name: str, content: bytes, **inputs: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        run("export", {"source": name, "formats": ["jsonl"], **inputs}, {name: content})
    assert caught.value.field == "inputs.source"
    return caught.value.expected


def _parquet(table: Any, **options: Any) -> bytes:
    made = BytesIO()
    pa.parquet.write_table(table, made, **options)
    return made.getvalue()


def test_a_quoted_field_that_never_ends_is_refused_by_its_line(run: Run) -> None:
    lines = [f"{row},text" for row in range(10_000)]
    lines[5000] = '5000,"text'
    expected = _refused(run, "s.csv", ("id,name\n" + "\n".join(lines) + "\n").encode())
    assert expected == "expected a source that is CSV: a quoted field that begins on line 5002 never ends"


def test_a_stray_pair_of_quotes_is_refused_by_its_lines(run: Run) -> None:
    expected = _refused(run, "s.csv", b'id,name\n1,"a\n2,b\n3,"c\n4,d\n')
    assert expected == "expected a source that is CSV, lines 2 to 4: ',' expected after '\"'"


def test_a_row_with_another_number_of_fields_is_refused_by_its_line(run: Run) -> None:
    assert _refused(run, "s.csv", b"a,b\n1,2\n\n3\n") == "line 4: expected 2 fields, as many as the first record has, got 1"


def test_quotes_inside_of_a_field_are_text(run: Run) -> None:
    assert _rows(run, "s.csv", b'a,b\n5" pipe,""\n') == [{"a": '5" pipe', "b": ""}]


def test_nulls_of_a_table_of_one_column_come_back(run: Run) -> None:
    rows = [{"a": "x"}, {"a": None}, {"a": ""}, {"a": None}]
    content = run("export", {"rows": rows})["export.csv"]
    assert _rows(run, "s.csv", content) == rows


def test_a_field_may_be_as_large_as_the_source(run: Run) -> None:
    text = "x" * 2_500_000
    assert _rows(run, "s.csv", f'a,b\n1,"{text}"\n'.encode()) == [{"a": "1", "b": text}]


def test_a_first_record_without_names_may_be_large_too(run: Run) -> None:
    text = "é" * 1_500_000
    assert _rows(run, "s.csv", f"{text},1\n".encode(), headerLine=0) == [{"column_1": text, "column_2": "1"}]


def test_columns_without_a_name_get_one_by_their_position(run: Run) -> None:
    assert _rows(run, "s.csv", b",a\n0,x\n") == [{"column_1": "0", "a": "x"}]
    assert _rows(run, "s.csv", b",a\n0,x\n", columns=[{"name": "column_1"}]) == [{"column_1": "0"}]


@pytest.mark.parametrize(
    ("encoding", "given"),
    [
        ("utf-8-sig", None),
        ("utf-16", None),
        ("windows-1252", "windows-1252"),
        ("utf-16", "utf-16"),
        ("iso-8859-15", "iso-8859-15"),
    ],
)
def test_a_csv_in_another_encoding_is_read(run: Run, encoding: str, given: str | None) -> None:
    inputs = {} if given is None else {"encoding": given}
    assert _rows(run, "s.csv", "Größe,b\r\n1 €,\r\n".encode(encoding), **inputs) == [{"Größe": "1 €", "b": None}]


@pytest.mark.parametrize(
    ("content", "inputs"),
    [
        (b"a;b\n1,5;2\n2,5;3\n", {}),
        (b"a\tb\n1,5\t2\n2,5\t3\n", {}),
        (b"a|b\n1,5|2\n2,5|3\n", {}),
        (b"a;b\n1,5;2\n2,5;3\n", {"delimiter": ";"}),
        (b"report, of 2026\nwritten; by hand\na;b\n1,5;2\n2,5;3\n", {"headerLine": 3}),
        (b"# made by x\na;b\n# a comment\n1,5;2\n2,5;3\n", {"comment": "#"}),
        (b"a;b\n'1,5';2\n'2,5';3\n", {"quote": "'"}),
    ],
    ids=["semicolon", "tab", "bar", "named", "names further down", "comments", "apostrophes"],
)
def test_the_shape_of_a_csv_is_detected_or_named(run: Run, content: bytes, inputs: dict[str, Any]) -> None:
    assert _rows(run, "s.csv", content, **inputs) == [{"a": "1,5", "b": "2"}, {"a": "2,5", "b": "3"}]


def test_no_line_within_a_quoted_field_is_a_comment(run: Run) -> None:
    assert _rows(run, "s.csv", b'a,b\n1,"x\n# y"\n', comment="#") == [{"a": "1", "b": "x\n# y"}]


def test_a_csv_without_quotes_keeps_them_as_text(run: Run) -> None:
    assert _rows(run, "s.csv", b'a,b\n"1,2\n', quote="none") == [{"a": '"1', "b": "2"}]


def test_a_csv_without_names_loses_no_row(run: Run) -> None:
    assert _rows(run, "s.csv", b"1,2\n3,4\n", headerLine=0) == [
        {"column_1": "1", "column_2": "2"},
        {"column_1": "3", "column_2": "4"},
    ]
    assert _rows(run, "s.csv", b"\n1\n\n", headerLine=0) == [{"column_1": None}, {"column_1": "1"}, {"column_1": None}]


def test_what_was_detected_is_in_the_summary(tmp_path: Path) -> None:
    source, out = tmp_path / "s.csv", tmp_path / "out"
    out.mkdir()
    source.write_bytes("a;b\n1;2\n".encode("utf-16"))
    result = load("export").run(Instruction("export", {"source": "s.csv"}, {"s.csv": source}, out))
    assert result.summary == {"rows": 1, "columns": 2, "encoding": "utf-16", "delimiter": ";"}


@pytest.mark.parametrize("number", ["1e99999999999999999999", "1e999999999", "-1E+401", "1e-401"])
@pytest.mark.parametrize("types", [None, "string", "int64", "float64", "decimal"])
def test_a_number_beyond_every_kind_is_refused_by_its_line(run: Run, number: str, types: str | None) -> None:
    columns = {} if types is None else {"columns": [{"name": "a", "type": types}]}
    expected = _refused(run, "s.jsonl", f'{{"a":1.5}}\n{{"a":{number}}}\n'.encode(), **columns)
    assert expected == f"line 2: expected one JSON object: the exponent of {number} is beyond ±400"


def test_a_page_whose_checksum_is_wrong_is_refused(run: Run) -> None:
    content = _parquet(
        pa.table({"a": ["naif"] * 3}),
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
        write_statistics=False,
    )
    assert _rows(run, "s.parquet", content) == [{"a": "naif"}] * 3
    assert "CRC checksum verification failed" in _refused(run, "s.parquet", content.replace(b"naif", b"nail", 1))


def test_columns_that_are_not_asked_for_refuse_no_file(run: Run) -> None:
    table = pa.table([[1, 2], [[1], [2]], [3, 4], [5, 6]], names=["id", "nested", "twice", "twice"])
    assert _rows(run, "s.parquet", _parquet(table), columns=[{"name": "id"}]) == [{"id": 1}, {"id": 2}]
    assert _rows(run, "s.csv", b"id,twice,twice\n1,2,3\n", columns=[{"name": "id"}]) == [{"id": "1"}]
    assert _rows(run, "s.json", b'[{"id":1,"nested":{"a":[]},"":2}]', columns=[{"name": "id"}]) == [{"id": 1}]


def test_a_column_that_only_a_filter_names_is_read(run: Run) -> None:
    inputs = {"columns": [{"name": "id"}], "filters": [{"column": "n", "op": "gt", "value": 3}], "sort": [{"column": "m"}]}
    content = _parquet(pa.table({"id": [1, 2, 3], "n": [3, 4, 5], "m": [3, 2, 1]}))
    assert _rows(run, "s.parquet", content, **inputs) == [{"id": 3}, {"id": 2}]


def test_binary_text_is_text_where_text_is_asked_for(run: Run) -> None:
    table = pa.table({"a": pa.array(["é".encode(), None], pa.binary())})
    columns = [{"name": "a", "type": "string"}]
    assert _rows(run, "s.parquet", _parquet(table), columns=columns) == [{"a": "é"}, {"a": None}]
    assert "type string in inputs.columns" in _refused(run, "s.parquet", _parquet(table))
    wrong = pa.table({"a": pa.array([b"\xff"], pa.binary())})
    assert _refused(run, "s.parquet", _parquet(wrong), columns=columns).startswith("column 'a': expected bytes that are UTF-8")


def test_views_of_text_are_text(run: Run) -> None:
    table = pa.table({"a": pa.array(["x", None], pa.string_view())})
    assert _rows(run, "s.parquet", _parquet(table)) == [{"a": "x"}, {"a": None}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [(pa.timestamp("us"), 568_971_820_800_000_000), (pa.timestamp("s"), -62_135_596_801), (pa.date32(), 2_932_897)],
)
def test_a_year_that_no_calendar_of_ours_has_is_refused_by_its_row(run: Run, kind: Any, value: int) -> None:
    table = pa.table({"m": pa.array([0, value], pa.int64() if kind != pa.date32() else pa.int32()).cast(kind)})
    assert _refused(run, "s.parquet", _parquet(table)).startswith("column 'm', row 2: expected a ")


def test_int96_is_exact_far_beyond_nanoseconds(run: Run) -> None:
    moments = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ]
    table = pa.table({"t": pa.array(moments, pa.timestamp("us", tz="UTC"))})
    content = _parquet(table, use_deprecated_int96_timestamps=True)
    shown = ["0001-01-01T00:00:00Z", "2024-02-29T12:00:00.000005Z", "9999-12-31T00:00:00Z"]
    assert [row["t"] for row in _rows(run, "s.parquet", content)] == shown


def test_int96_with_nanoseconds_is_refused(run: Run) -> None:
    table = pa.table({"t": pa.array([1], pa.timestamp("ns"))})
    expected = _refused(run, "s.parquet", _parquet(table, use_deprecated_int96_timestamps=True))
    assert expected == "expected a source that is Parquet: column 't' has nanoseconds; microseconds are the finest"
