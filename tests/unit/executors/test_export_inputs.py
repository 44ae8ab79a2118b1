"""Does every wrong input or row of an export end in one error that names it?"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from regen_executors.export import bounds, reading, writing
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

_ROWS = {"rows": [{"a": 1, "b": "x"}]}


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({}, "inputs"),
        (_ROWS | {"source": "s.csv"}, "inputs"),
        (_ROWS | {"sourceFormat": "csv"}, "inputs"),
        (_ROWS | {"extra": 1}, "inputs.extra"),
        (_ROWS | {"csv_formula_guard": True}, "inputs.csv_formula_guard"),
        ({"rows": {}}, "inputs.rows"),
        ({"rows": [1]}, "inputs.rows[0]"),
        ({"rows": []}, "inputs.columns"),
        ({"rows": [{"a": 1}, {"a": [1]}]}, "inputs.rows[1].a"),
        ({"rows": [{"a": 1}, {"a": "x"}]}, "inputs.rows"),
        ({"rows": [{"": 1}]}, "inputs.rows"),
        (_ROWS | {"columns": []}, "inputs.columns"),
        (_ROWS | {"columns": [{"name": "q"}]}, "inputs.columns[0].name"),
        (_ROWS | {"columns": [{"name": "a"}, {"name": "a"}]}, "inputs.columns[1].name"),
        (_ROWS | {"columns": [{"name": "a"}, {"name": "b", "as": "a"}]}, "inputs.columns[1].as"),
        (_ROWS | {"columns": [{"name": "a"}, {"name": "b", "type": "int"}]}, "inputs.columns[1].type"),
        (_ROWS | {"columns": [{"name": "a"}, {"name": "b", "type": "int64"}]}, "inputs.columns[1].type"),
        (_ROWS | {"columns": [{"name": "a", "type": "int64", "scale": 2}]}, "inputs.columns[0]"),
        (_ROWS | {"columns": [{"name": "a", "hidden": True}]}, "inputs.columns"),
        ({"rows": [{"a": "1.25"}], "columns": [{"name": "a", "type": "decimal", "scale": 1}]}, "inputs.columns[0].type"),
        (_ROWS | {"filters": [{"column": "q", "op": "eq", "value": 1}]}, "inputs.filters[0].column"),
        (_ROWS | {"filters": [{"column": "a", "op": "like", "value": 1}]}, "inputs.filters[0].op"),
        (_ROWS | {"filters": [{"column": "a", "op": "contains", "value": "1"}]}, "inputs.filters[0].op"),
        (_ROWS | {"filters": [{"column": "a", "op": "eq", "value": "x"}]}, "inputs.filters[0].value"),
        (_ROWS | {"filters": [{"column": "a", "op": "in", "value": [1, "x"]}]}, "inputs.filters[0].value[1]"),
        (_ROWS | {"filters": [{"column": "a", "op": "in", "value": 1}]}, "inputs.filters[0]"),
        (_ROWS | {"filters": [{"column": "a", "op": "eq"}]}, "inputs.filters[0]"),
        (_ROWS | {"filters": [{"column": "b", "op": "eq", "value": 1}]}, "inputs.filters[0].value"),
        (_ROWS | {"sort": [{"column": "q"}]}, "inputs.sort[0].column"),
        (_ROWS | {"limit": -1}, "inputs.limit"),
        (_ROWS | {"limit": True}, "inputs.limit"),
        (_ROWS | {"formats": ["csv", "pdf"]}, "inputs.formats[1]"),
        (_ROWS | {"formats": ["csv", "csv"]}, "inputs.formats"),
        (_ROWS | {"name": "a/b"}, "inputs.name"),
        (_ROWS | {"sheet": "a:b"}, "inputs.sheet"),
        ({"source": "gone.csv"}, "inputs.source"),
        ({"source": "twice.csv"}, "inputs.source"),
        ({"source": "ragged.csv"}, "inputs.source"),
        ({"source": "latin.csv"}, "inputs.source"),
        ({"source": "empty.csv"}, "inputs.source"),
        ({"source": "bad.json"}, "inputs.source"),
        ({"source": "object.json"}, "inputs.source"),
        ({"source": "twice.json"}, "inputs.source"),
        ({"source": "nan.json"}, "inputs.source"),
        ({"source": "bad.jsonl"}, "inputs.source"),
        ({"source": "bad.parquet"}, "inputs.source"),
        ({"source": "ragged.csv", "sourceFormat": "xml"}, "inputs.sourceFormat"),
        ({"source": "unnamed"}, "inputs.sourceFormat"),
    ],
)
def test_a_wrong_input_is_named(run: Callable[..., dict[str, bytes]], inputs: dict[str, Any], field: str) -> None:
    sources = {
        "twice.csv": b"a,a\n1,2\n",
        "ragged.csv": b"a,b\n1\n",
        "latin.csv": b"a\n\xe9\n",
        "empty.csv": b"",
        "bad.json": b"[{]",
        "object.json": b"{}",
        "twice.json": b'[{"a":1,"a":2}]',
        "nan.json": b'[{"a":NaN}]',
        "bad.jsonl": b'{"a":1}\n{\n',
        "bad.parquet": b"PAR1 not",
        "unnamed": b"a\n1\n",
    }
    with pytest.raises(InvalidInput) as caught:
        run("export", inputs, sources)
    assert caught.value.field == field
    assert caught.value.expected


@pytest.mark.parametrize("types", [None, "string"])
@pytest.mark.parametrize(
    ("name", "content"),
    [("s.json", rb'[{"a":"x"},{"a":"y\ud800z"}]'), ("s.jsonl", b'{"a":"x"}\n{"a":"y\\ud800z"}\n'), (None, None)],
    ids=["json", "jsonl", "rows"],
)
def test_half_a_character_in_a_value_is_named_by_its_row(
    run: Callable[..., dict[str, bytes]], name: str | None, content: bytes | None, types: str | None
) -> None:
    inputs: dict[str, Any] = {"source": name} if name else {"rows": [{"a": "x"}, {"a": "y\ud800z"}]}
    if types:
        inputs["columns"] = [{"name": "a", "type": types}]
    with pytest.raises(InvalidInput) as caught:
        run("export", inputs, {name: content} if name else {})
    assert caught.value.field == ("inputs.source" if name else "inputs.rows")
    assert caught.value.expected == "column 'a', row 2: expected text that UTF-8 can hold, got U+D800 at character 1"


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"source": "s.json"}, "inputs.source"),
        ({"rows": [{"\udc00": 1}]}, "inputs.rows"),
        ({"rows": [{"\udc00": {}}]}, "inputs.rows"),
    ],
)
def test_half_a_character_in_a_name_is_shown_in_characters_that_are_whole(
    run: Callable[..., dict[str, bytes]], inputs: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        run("export", inputs, {"s.json": rb'[{"\udc00":1}]'})
    assert str(caught.value) == rf"{field}: expected column names that UTF-8 can hold, got '\udc00'"


@pytest.mark.parametrize("content", [b"n,caf\xe9\n1,2\n", b"n,caf\xe9,b\n"], ids=["with rows", "names alone"])
def test_a_csv_that_is_latin_1_is_refused_with_the_byte_and_the_setting(
    run: Callable[..., dict[str, bytes]], content: bytes
) -> None:
    with pytest.raises(InvalidInput) as caught:
        run("export", {"source": "s.csv"}, {"s.csv": content})
    assert caught.value.field == "inputs.source"
    expected = "line 1: expected a source in utf-8, got byte 0xe9 at 5; name its encoding in inputs.encoding"
    assert caught.value.expected == expected


@pytest.mark.parametrize(
    ("text", "wrong", "expected"),
    [
        (b"cafe", b"caf\xe9", "expected a source whose column names are UTF-8, got byte 0xe9 at 3 of a name"),
        (b"naif", b"na\xeff", "column 'cafe': expected values that string holds exactly"),
    ],
    ids=["name", "value"],
)
def test_a_parquet_whose_text_is_latin_1_is_refused(
    run: Callable[..., dict[str, bytes]], text: bytes, wrong: bytes, expected: str
) -> None:
    made = BytesIO()
    pa.parquet.write_table(pa.table({"cafe": ["naif"]}), made, compression="none", use_dictionary=False, store_schema=False)
    content = made.getvalue()
    assert text in content
    with pytest.raises(InvalidInput) as caught:
        run("export", {"source": "s.parquet", "formats": ["jsonl"]}, {"s.parquet": content.replace(text, wrong)})
    assert caught.value.field == "inputs.source"
    assert caught.value.expected.startswith(expected)


def test_a_wrong_value_is_named_by_its_row(run: Callable[..., dict[str, bytes]]) -> None:
    inputs = {"source": "s.csv", "columns": [{"name": "n", "type": "int64"}]}
    with pytest.raises(InvalidInput, match=r"^inputs\.columns\[0\]\.type: column 'n', row 2: expected a whole number.*got 'x'"):
        run("export", inputs, {"s.csv": b"n\n1\nx\n"})


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl"])
def test_too_many_rows_or_columns_are_capped(
    run: Callable[..., dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sources = {"s.csv": b"a,b\n1,2\n3,4\n", "s.jsonl": b'{"a":1,"b":2}\n{"a":3,"b":4}\n'}
    monkeypatch.setattr(bounds, "MAX_ROWS", 1)
    with pytest.raises(Capped, match=r"^inputs\.source: more than 1 rows"):
        run("export", {"source": name}, sources)
    monkeypatch.setattr(bounds, "MAX_ROWS", 10)
    monkeypatch.setattr(bounds, "MAX_COLUMNS", 1)
    with pytest.raises(Capped, match=r"^inputs\.source: more than 1 columns"):
        run("export", {"source": name}, sources)


@pytest.mark.parametrize("made", ["csv", "jsonl", "parquet", "xlsx"])
def test_too_large_an_artifact_is_capped(
    run: Callable[..., dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    monkeypatch.setattr(writing, "MAX_OUTPUT_BYTES", 5)
    with pytest.raises(Capped, match=rf"^inputs\.formats: the {made} has more than 5 bytes"):
        run("export", {"rows": [{"a": "x" * 20}], "formats": [made]})


def test_too_large_a_source_is_capped(run: Callable[..., dict[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_SOURCE_BYTES", 3)
    with pytest.raises(Capped, match=r"^inputs\.source: a source of 4 bytes; at most 3"):
        run("export", {"source": "s.csv"}, {"s.csv": b"a\n1\n"})
