"""A table as CSV, JSON lines and Parquet files of one byte form each. For XLSX see ``workbook``."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from regen_executors.export.inputs import MAX_OUTPUT_BYTES
from regen_executors.export.kinds import text_of
from regen_executors.interface import Capped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from regen_executors.export.columns import Column

ROWS_AT_ONCE = 10_000
_ROW_GROUP = 128 * 1024
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(path: Path, count: int, columns: Sequence[Column], *, formula_guard: bool) -> None:
    """RFC 4180 in UTF-8 with CRLF and a line of names. Null is an empty field, the empty string a quoted one.

    With ``formula_guard``, text that begins like a formula gets an apostrophe before it (OWASP, "CSV Injection").

    Raises:
        Capped: the file would be larger than ``MAX_OUTPUT_BYTES``.
    """
    texts = [found.kind == "string" for found in columns]
    with path.open("xb") as file:
        size = _append(file, ",".join(_csv_text(found.name, formula_guard=formula_guard) for found in columns) + "\r\n", 0)
        for rows in batches(count, columns):
            lines = (
                ",".join(
                    _csv_text(value, formula_guard=formula_guard) if text and value is not None else _csv_value(value)
                    for value, text in zip(row, texts, strict=True)
                )
                for row in rows
            )
            size = _append(file, "".join(line + "\r\n" for line in lines), size)


def write_jsonl(path: Path, count: int, columns: Sequence[Column]) -> None:
    """One JSON object a line, UTF-8, names in the columns' order.

    Integers are exact numbers, beyond 2^53 too. Decimals are strings, so that no reader rounds them; dates, timestamps and
    NaN and the infinities, which JSON does not have, are strings as well (as in the JSON mapping of Protocol Buffers).

    Raises:
        Capped: the file would be larger than ``MAX_OUTPUT_BYTES``.
    """
    names = [found.name for found in columns]
    with path.open("xb") as file:
        size = 0
        for rows in batches(count, columns):
            lines = (dict(zip(names, map(_json_value, row), strict=True)) for row in rows)
            text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
            size = _append(file, text, size)


def write_parquet(path: Path, columns: Sequence[Column]) -> None:
    """Parquet 2.6, zstd, row groups of 128 Ki rows; timestamps in microseconds, UTC.

    ``created_by`` is the name and version of the Parquet library and nothing else, so one image makes one byte form.

    Raises:
        Capped: the file is larger than ``MAX_OUTPUT_BYTES``.
    """
    arrays = [_with_zone(found.values) if found.kind == "timestamp" else found.values for found in columns]
    table = pa.Table.from_arrays(arrays, names=[found.name for found in columns])
    pa.parquet.write_table(
        table, path, version="2.6", compression="zstd", row_group_size=_ROW_GROUP, write_statistics=True, store_schema=True
    )
    bound_file(path)


def batches(count: int, columns: Sequence[Column]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows as tuples of Python values, ``ROWS_AT_ONCE`` at a time."""
    for start in range(0, count, ROWS_AT_ONCE):
        length = min(ROWS_AT_ONCE, count - start)
        yield list(zip(*(found.values.slice(start, length).to_pylist() for found in columns), strict=True))


def bound_file(path: Path) -> None:
    """Refuses a file that is larger than an artifact may be.

    Raises:
        Capped: it is.
    """
    _bound(path.stat().st_size, path.suffix)


def _bound(size: int, suffix: str) -> None:
    if size > MAX_OUTPUT_BYTES:
        raise Capped("inputs.formats", f"the {suffix.removeprefix('.')} has more than {MAX_OUTPUT_BYTES} bytes")


def _append(file: BinaryIO, text: str, size: int) -> int:
    content = text.encode()
    _bound(size + len(content), "." + file.name.rpartition(".")[2])
    file.write(content)
    return size + len(content)


def _csv_text(text: str, *, formula_guard: bool) -> str:
    if formula_guard and text.startswith(_FORMULA_STARTS):
        text = "'" + text
    if text and not text.isspace() and not any(mark in text for mark in ',;|\t"\r\n') and text == text.strip():
        return text
    return '"' + text.replace('"', '""') + '"'


def _csv_value(value: Any) -> str:
    return "" if value is None else text_of(value)


def _json_value(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    return format(value, "f") if isinstance(value, Decimal) else text_of(value)


def _with_zone(values: Any) -> Any:
    return values.cast(pa.int64()).cast(pa.timestamp("us", tz="UTC"))
