"""From the columns that were read to the table that is written: types, filters, sorting, limit, selection, in this order."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from regen_executors.export.columns import Column, Table, column
from regen_executors.export.inputs import ColumnInputs
from regen_executors.export.kinds import convert
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from regen_executors.export.inputs import ExportInputs, FilterInputs, SortInputs

_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "in": lambda value, wanted: value in wanted,
    "contains": lambda value, part: part in value,
}
_ORDERED = frozenset({"lt", "le", "gt", "ge"})


def shape(inputs: ExportInputs, table: Table) -> tuple[int, list[Column]]:
    """How many rows are left, and the columns to write.

    Raises:
        InvalidInput: names a column that is missing or given twice, a value of another type, or a lossy cast.
    """
    chosen = _choice(inputs, table)
    known = {found.name: found for found in table.columns}
    for index, wanted in enumerate(chosen):
        known[wanted.name] = _typed(known[wanted.name], wanted, f"inputs.columns[{index}]")
    rows = list(range(table.count))
    for index, condition in enumerate(inputs.filters):
        rows = _filtered(rows, condition, known, f"inputs.filters[{index}]")
    for index, key in reversed(list(enumerate(inputs.sort))):
        rows = _sorted(rows, key, known, f"inputs.sort[{index}]")
    rows = rows if inputs.limit is None else rows[: inputs.limit]
    positions = pa.array(rows, type=pa.int64())
    shown = [wanted for wanted in chosen if not wanted.hidden]
    made = [known[wanted.name].taken(positions) for wanted in shown]
    return len(rows), [Column(w.as_ or w.name, c.kind, c.values) for w, c in zip(shown, made, strict=True)]


def _choice(inputs: ExportInputs, table: Table) -> list[ColumnInputs]:
    if inputs.columns is None:
        if not table.columns:
            raise InvalidInput("inputs.columns", "expected columns, since there is no row that has any")
        return [ColumnInputs.model_validate({"name": found.name}) for found in table.columns]
    seen: set[str] = set()
    written: set[str] = set()
    for index, wanted in enumerate(inputs.columns):
        field = f"inputs.columns[{index}]"
        _require(wanted.name, table.names, f"{field}.name")
        if wanted.name in seen:
            raise InvalidInput(f"{field}.name", f"expected each column once, got {wanted.name!r} again")
        seen.add(wanted.name)
        name = wanted.as_ or wanted.name
        if not wanted.hidden and name in written:
            raise InvalidInput(f"{field}.as", f"expected names that differ in the output, got {name!r} again")
        written |= set() if wanted.hidden else {name}
    if not written:
        raise InvalidInput("inputs.columns", "expected at least one column that is not hidden")
    return list(inputs.columns)


def _typed(found: Column, wanted: ColumnInputs, field: str) -> Column:
    if wanted.type is None or (wanted.type == found.kind and wanted.scale is None):
        return found
    return column(found.name, wanted.type, found.python(), f"{field}.type", wanted.scale)


def _filtered(rows: list[int], condition: FilterInputs, known: Mapping[str, Column], field: str) -> list[int]:
    _require(condition.column, known, f"{field}.column")
    found = known[condition.column]
    values = found.python()
    if condition.op == "isnull":
        return [row for row in rows if (values[row] is None) is condition.value]
    if condition.op == "contains" and found.kind != "string":
        raise InvalidInput(f"{field}.op", f"expected contains only on text, column {found.name!r} is {found.kind}")
    if condition.op in _ORDERED and found.kind == "bool":
        raise InvalidInput(f"{field}.op", f"expected eq, ne, in or isnull, since column {found.name!r} is bool")
    wanted = _comparable(condition.value, found, f"{field}.value")
    holds = _COMPARISONS[condition.op]
    return [row for row in rows if values[row] is not None and holds(values[row], wanted)]


def _comparable(value: Any, found: Column, field: str) -> Any:
    """The JSON value as the column's kind. Text is compared with text alone: no number is made a string here."""
    if isinstance(value, list):
        return frozenset(_comparable(item, found, f"{field}[{index}]") for index, item in enumerate(value))
    if found.kind == "string" and not isinstance(value, str):
        raise InvalidInput(field, f"expected a string, since column {found.name!r} is text; give it a type in inputs.columns")
    if not isinstance(value, str | int | float | bool):
        raise InvalidInput(field, f"expected a string, a number or a boolean, got {type(value).__name__}")
    try:
        return convert(value, found.kind)
    except ValueError as error:
        raise InvalidInput(field, f"column {found.name!r} is {found.kind}: {error}") from error


def _sorted(rows: list[int], key: SortInputs, known: Mapping[str, Column], field: str) -> list[int]:
    _require(key.column, known, f"{field}.column")
    values = known[key.column].python()
    # NaN is the one value that differs from itself; reverse=True keeps equal rows in order, too.
    ordinary = [row for row in rows if values[row] is not None and values[row] == values[row]]
    strange = [row for row in rows if values[row] is not None and values[row] != values[row]]
    nulls = [row for row in rows if values[row] is None]
    return sorted(ordinary, key=values.__getitem__, reverse=key.descending) + strange + nulls


def _require(name: str, names: Collection[str], field: str) -> None:
    if name not in names:
        shown = ", ".join(list(names)[:20])
        raise InvalidInput(field, f"expected one of the columns ({shown}), got {name!r}")
