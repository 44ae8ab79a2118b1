"""Rows from the instruction, or from a CSV, JSON, JSON lines or Parquet source, as columns.

A CSV has only text: its columns are strings until ``columns[].type`` says otherwise; an empty field is null, a quoted empty
one is the empty string. JSON is read by the standard library, which keeps integers and fractions exact where Arrow's reader
does not. Everything is read by one thread.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from regen_executors.export.columns import Column, column
from regen_executors.export.inputs import MAX_COLUMNS, MAX_JSON_BYTES, MAX_ROWS, MAX_SOURCE_BYTES
from regen_executors.export.kinds import arrow_type, kind_of_arrow, kind_of_value
from regen_executors.inputs import source_file, source_text
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from regen_executors.export.inputs import ColumnInputs, ExportInputs
    from regen_executors.export.kinds import Kind

SOURCE = "inputs.source"
_FORMATS = ("csv", "json", "jsonl", "parquet")


def read(inputs: ExportInputs, sources: Mapping[str, Path]) -> tuple[int, list[Column]]:
    """How many rows there are, and their columns in order of appearance.

    Raises:
        InvalidInput: there is no such source, it is not what its format says, or a row or column is wrong.
        Capped: there are more bytes, rows or columns than the limits allow.
    """
    if inputs.rows is not None:
        return _from_objects(inputs.rows, "inputs.rows", inputs.columns or [])
    name = inputs.source or ""
    chosen = inputs.source_format or name.rpartition(".")[2].lower()
    if chosen == "csv":
        return _from_csv(source_file(sources, name, SOURCE, MAX_SOURCE_BYTES), inputs.delimiter)
    if chosen == "parquet":
        return _from_parquet(source_file(sources, name, SOURCE, MAX_SOURCE_BYTES))
    if chosen in _FORMATS:
        text = source_text(sources, name, SOURCE, MAX_JSON_BYTES)
        rows = _json_array(text) if chosen == "json" else _json_lines(text)
        return _from_objects(rows, SOURCE, inputs.columns or [])
    raise InvalidInput("inputs.sourceFormat", f"expected one of {', '.join(_FORMATS)}, since {name!r} does not end in one")


def _from_objects(rows: Iterable[Any], field: str, wanted: Sequence[ColumnInputs]) -> tuple[int, list[Column]]:
    count, values = _gathered(rows, field)
    if count == 0:
        return 0, [column(chosen.name, chosen.type or "string", [], field) for chosen in wanted]
    typed: dict[str, tuple[Kind, str]] = {
        # A type of string fits every value, so that a text that is none is the rows' fault.
        chosen.name: (chosen.type, field if chosen.type == "string" else f"inputs.columns[{index}].type")
        for index, chosen in enumerate(wanted)
        if chosen.type is not None
    }
    columns = []
    for name, found in values.items():
        kind, blamed = typed.get(name) or (_common_kind(name, found, field), field)
        columns.append(column(name, kind, found, blamed))
    return count, columns


def _gathered(rows: Iterable[Any], field: str) -> tuple[int, dict[str, list[Any]]]:
    """How many rows there are, and the values of each column, None where a row has none."""
    values: dict[str, list[Any]] = {}
    count = 0
    for row in rows:
        _bound_rows(count + 1, field)
        if not isinstance(row, dict):
            raise InvalidInput(f"{field}[{count}]", f"expected an object, got {type(row).__name__}")
        for name, value in row.items():
            if name not in values:
                _refuse_unusable_names([name], field)
                _bound_columns(len(values) + 1, field)
                values[name] = [None] * count
            if value is not None and kind_of_value(value) is None:
                expected = f"expected a string, a number, a boolean or null, got {type(value).__name__}"
                raise InvalidInput(f"{field}[{count}].{name}", expected)
            values[name].append(value)
        count += 1
        for present in values.values():
            if len(present) < count:
                present.append(None)
    return count, values


def _common_kind(name: str, values: list[Any], field: str) -> Kind:
    found = {kind_of_value(value) for value in values if value is not None}
    if found == {"int64", "float64"}:
        return "float64"
    if len(found) > 1:
        mixed = " and ".join(sorted(str(kind) for kind in found))
        raise InvalidInput(
            field, f"column {name!r}: expected values of one type, got {mixed}; give it a type in inputs.columns"
        )
    return found.pop() or "string" if found else "string"


def _json_array(text: str) -> list[Any]:
    try:
        rows = _decoder().decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(SOURCE, f"expected a source that is JSON: {error}") from error
    if not isinstance(rows, list):
        raise InvalidInput(SOURCE, f"expected a source that is a JSON array of objects, got {type(rows).__name__}")
    return rows


def _json_lines(text: str) -> Iterable[Any]:
    decoder = _decoder()
    # Not splitlines(): U+2028 and others may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield decoder.decode(line)
            except (ValueError, RecursionError) as error:
                raise InvalidInput(SOURCE, f"line {number}: expected one JSON object: {error}") from error


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        msg = "an object has one name twice"
        raise ValueError(msg)
    return made


def _from_csv(path: Path, delimiter: str) -> tuple[int, list[Column]]:
    parse = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    try:
        with pa.csv.open_csv(path, read_options=pa.csv.ReadOptions(use_threads=False), parse_options=parse) as reader:
            names = reader.schema.names
        _refuse_duplicates(names)
        convert = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
            check_utf8=True,
        )
        read_options = pa.csv.ReadOptions(use_threads=False)
        table = pa.csv.read_csv(path, read_options=read_options, parse_options=parse, convert_options=convert)
    except UnicodeDecodeError as error:
        raise InvalidInput(SOURCE, f"expected a source whose line of names is UTF-8, {_bad_byte(error)}") from error
    except pa.ArrowInvalid as error:
        raise InvalidInput(SOURCE, f"expected a source that is CSV with a line of names: {error}") from error
    return _from_table(table)


def _from_parquet(path: Path) -> tuple[int, list[Column]]:
    try:
        with pa.parquet.ParquetFile(path) as source:
            _bound_rows(source.metadata.num_rows, SOURCE)
            _bound_columns(source.metadata.num_columns, SOURCE)
            table = source.read(use_threads=False)
        _refuse_duplicates(table.column_names)
    except UnicodeDecodeError as error:
        raise InvalidInput(SOURCE, f"expected a source whose column names are UTF-8, {_bad_byte(error)}") from error
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(SOURCE, f"expected a source that is Parquet: {error}") from error
    return _from_table(table)


def _from_table(table: Any) -> tuple[int, list[Column]]:
    _bound_rows(table.num_rows, SOURCE)
    _bound_columns(table.num_columns, SOURCE)
    _refuse_unusable_names(table.column_names, SOURCE)
    return table.num_rows, [_from_arrow(name, table.column(name).combine_chunks()) for name in table.column_names]


def _from_arrow(name: str, values: Any) -> Column:
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], type=values.type)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = kind_of_arrow(values.type)
    if kind is None:
        raise InvalidInput(SOURCE, f"column {name!r}: expected text, numbers, booleans, dates or timestamps, got {values.type}")
    try:
        made = _cast(values, kind)
        if kind == "string":
            # Arrow believes a Parquet file that calls its bytes text.
            made.validate(full=True)
        return Column(name, kind, made)
    except pa.ArrowException as error:
        raise InvalidInput(SOURCE, f"column {name!r}: expected values that {kind} holds exactly: {error}") from error


def _cast(values: Any, kind: Kind) -> Any:
    if kind == "decimal":
        scale = values.type.scale if pa.types.is_decimal(values.type) else 0
        return values.cast(arrow_type(kind, max(0, scale)))
    if kind == "timestamp":
        # By way of the count: Arrow's zone is a label, the instant is UTC already.
        unit = values.type.unit
        return values.cast(pa.int64()).cast(pa.timestamp(unit)).cast(arrow_type(kind))
    return values.cast(arrow_type(kind))


def _refuse_duplicates(names: list[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidInput(SOURCE, f"expected column names that differ, got {twice[0]!r} more than once")


def _refuse_unusable_names(names: Iterable[str], field: str) -> None:
    for name in names:
        if not name or len(name) > 255:
            raise InvalidInput(field, f"expected column names of 1 to 255 characters, got {name[:40]!r}")
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise InvalidInput(field, f"expected column names that UTF-8 can hold, got {name[:40]!r}")


def _bad_byte(error: UnicodeDecodeError) -> str:
    return f"got byte 0x{error.object[error.start]:02x} at {error.start} of a name"


def _bound_rows(count: int, field: str) -> None:
    if count > MAX_ROWS:
        raise Capped(field, f"more than {MAX_ROWS} rows")


def _bound_columns(count: int, field: str) -> None:
    if count > MAX_COLUMNS:
        raise Capped(field, f"more than {MAX_COLUMNS} columns")
