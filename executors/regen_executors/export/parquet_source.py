"""Columns from Arrow's types, and from a Parquet source."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from regen_executors.export.bounds import SOURCE, bound_columns, bound_rows, refuse_duplicates, refuse_unusable_names
from regen_executors.export.columns import Column, Table
from regen_executors.export.kinds import arrow_type, kind_of_arrow
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from regen_executors.export.kinds import Kind
    from regen_executors.export.selection import Selection

_MICROSECONDS: Final = 1_000_000
# The years 1 to 9999, which Python and ISO 8601 have; Arrow counts days and microseconds from 1970 far beyond both.
_FIRST_DAY: Final = (date(1, 1, 1) - date(1970, 1, 1)).days
_LAST_DAY: Final = (date(9999, 12, 31) - date(1970, 1, 1)).days
_DAY: Final = 86_400 * _MICROSECONDS


def from_parquet(path: Path, selection: Selection) -> Table:
    """The wanted columns of a Parquet file.

    Raises:
        InvalidInput: the file is damaged or no Parquet, or a wanted column holds what no kind does.
        Capped: there are more rows or columns than the limits allow.
    """
    try:
        # Writers may omit the pages' checksums; where they are, Arrow ignores them unless told to verify.
        with pa.parquet.ParquetFile(path, page_checksum_verification=True) as source:
            bound_rows(source.metadata.num_rows, SOURCE)
            bound_columns(source.metadata.num_columns, SOURCE)
            names = list(source.schema_arrow.names)
            needed = [name for name in names if selection.needs(name)]
            refuse_duplicates(needed)
            refuse_unusable_names(needed, SOURCE)
            # Arrow takes "a" for the column a and for every part of a structure a: what was not asked for is left out below.
            table = source.read(columns=needed, use_threads=False)
            leaves = [source.schema.column(at) for at in range(len(source.schema))]
        int96 = {leaf.path for leaf in leaves if leaf.physical_type == "INT96"}
        replaced = _exact_int96(path, table, [name for name in needed if name in int96])
    except UnicodeDecodeError as error:
        bad = f"got byte 0x{error.object[error.start]:02x} at {error.start} of a name"
        raise InvalidInput(SOURCE, f"expected a source whose column names are UTF-8, {bad}") from error
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(SOURCE, f"expected a source that is Parquet: {error}") from error
    columns = [from_arrow(name, replaced.get(name, table.column(name)), selection) for name in needed]
    return Table(table.num_rows, columns, names)


def from_arrow(name: str, chunked: Any, selection: Selection) -> Column:
    """A column of Arrow's values, as the kind that holds each of them.

    Raises:
        InvalidInput: no kind does; names the column, and the row where it is one value's fault.
    """
    values = _one_array(chunked)
    if _is_binary(values.type) and selection.is_text(name):
        return Column(name, "string", _text_of_bytes(name, values))
    kind = kind_of_arrow(values.type)
    if kind is None:
        hint = "; bytes that are UTF-8 become text with type string in inputs.columns" if _is_binary(values.type) else ""
        expected = f"expected text, numbers, booleans, dates or timestamps, got {values.type}{hint}"
        raise InvalidInput(SOURCE, f"column {name!r}: {expected}")
    try:
        made = _cast(values, kind)
        if kind == "string":
            # Arrow does not check the bytes that a Parquet file calls text.
            made.validate(full=True)
    except pa.ArrowException as error:
        raise InvalidInput(SOURCE, f"column {name!r}: expected values that {kind} holds exactly: {error}") from error
    _refuse_far_years(name, kind, made)
    return Column(name, kind, made)


def _one_array(values: Any) -> Any:
    values = values.combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], type=values.type)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _is_binary(arrow: Any) -> bool:
    checks = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(check(arrow) for check in checks)


def _text_of_bytes(name: str, values: Any) -> Any:
    try:
        made = values.cast(pa.binary()).cast(pa.string())
        made.validate(full=True)
    except pa.ArrowException as error:
        raise InvalidInput(SOURCE, f"column {name!r}: expected bytes that are UTF-8 text: {error}") from error
    return made


def _cast(values: Any, kind: Kind) -> Any:
    if kind == "decimal":
        scale = values.type.scale if pa.types.is_decimal(values.type) else 0
        return values.cast(arrow_type(kind, max(0, scale)))
    if kind == "timestamp":
        # By way of the count: Arrow's zone is a label, the instant is UTC already.
        unit = values.type.unit
        return values.cast(pa.int64()).cast(pa.timestamp(unit)).cast(arrow_type(kind))
    return values.cast(arrow_type(kind))


def _refuse_far_years(name: str, kind: Kind, values: Any) -> None:
    if kind not in {"date", "timestamp"}:
        return
    counts = values.cast(pa.int32()) if kind == "date" else values.cast(pa.int64())
    first, last = (_FIRST_DAY, _LAST_DAY) if kind == "date" else (_FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1)
    outside = pc.or_(pc.less(counts, first), pc.greater(counts, last))
    row = pc.index(outside, value=True).as_py()
    if row >= 0:
        raise InvalidInput(SOURCE, f"column {name!r}, row {row + 1}: expected a {kind} of the years 1 to 9999")


def _exact_int96(path: Path, table: Any, names: list[str]) -> dict[str, Any]:
    """The INT96 columns in microseconds: as nanoseconds, Arrow's default, years before 1678 and after 2262 wrap around.

    Raises:
        pa.ArrowInvalid: a value has nanoseconds, which microseconds drop.
    """
    if not names:
        return {}
    with pa.parquet.ParquetFile(path, coerce_int96_timestamp_unit="us") as source:
        coarse = source.read(columns=names, use_threads=False)
    made = {}
    for name in names:
        values = coarse.column(name)
        # Both wrap around alike, so that the difference is right even where the nanoseconds are not.
        fine = table.column(name).cast(pa.int64())
        rest = pc.subtract(fine, pc.multiply(values.cast(pa.int64()), 1000))
        if pc.any(pc.not_equal(rest, 0)).as_py():
            msg = f"column {name!r} has nanoseconds; microseconds are the finest"
            raise pa.ArrowInvalid(msg)
        made[name] = values
    return made
