"""Rows that are objects: from the instruction, or from a JSON or JSON lines source.

The standard library reads them: it keeps integers and fractions exact where Arrow's reader does not.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from regen_executors.export.bounds import SOURCE, bound_columns, bound_rows, refuse_unusable_names
from regen_executors.export.columns import Column, Table, column
from regen_executors.export.kinds import kind_of_value
from regen_executors.interface import InvalidInput
from regen_executors.strict_json import json_decoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regen_executors.export.kinds import Kind
    from regen_executors.export.selection import Selection

# A double ends at 1e308 and a decimal has 38 digits. Beyond this bound neither holds the number, and its digits, written
# out as text, would take as many bytes as the exponent says: 1e999999999 is a gigabyte.
_MAX_EXPONENT: Final = 400


def from_objects(rows: Iterable[Any], field: str, selection: Selection) -> Table:
    """The rows as a table whose columns have one kind each.

    Raises:
        InvalidInput: a row is no object, or a value is of no kind or not of its column's.
        Capped: there are more rows or columns than the limits allow.
    """
    count, values, names = _gathered(rows, field, selection)
    if count == 0:
        empty = [column(chosen.name, chosen.type or "string", [], field) for chosen in selection.columns]
        return Table(0, empty, [found.name for found in empty])
    typed: dict[str, tuple[Kind, str]] = {
        # Every value has a text, so text that is none (half a character) is an error of the rows.
        chosen.name: (chosen.type, field if chosen.type == "string" else f"inputs.columns[{index}].type")
        for index, chosen in enumerate(selection.columns)
        if chosen.type is not None
    }
    columns: list[Column] = []
    for name, found in values.items():
        kind, blamed = typed.get(name) or (_common_kind(name, found, field), field)
        columns.append(column(name, kind, found, blamed))
    return Table(count, columns, names)


def json_array(text: str) -> list[Any]:
    """The elements of a JSON array.

    Raises:
        InvalidInput: the text is no JSON, or no array.
    """
    try:
        rows = json_decoder(parse_float=_fraction).decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(SOURCE, f"expected a source that is JSON: {error}") from error
    if not isinstance(rows, list):
        raise InvalidInput(SOURCE, f"expected a source that is a JSON array of objects, got {type(rows).__name__}")
    return rows


def json_lines(text: str) -> Iterable[Any]:
    """The value of each line that is not blank.

    Raises:
        InvalidInput: names the first line that is no JSON.
    """
    decoder = json_decoder(parse_float=_fraction)
    # Not splitlines(): U+2028 and others may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield decoder.decode(line)
            except (ValueError, RecursionError) as error:
                raise InvalidInput(SOURCE, f"line {number}: expected one JSON object: {error}") from error


def _gathered(rows: Iterable[Any], field: str, selection: Selection) -> tuple[int, dict[str, list[Any]], list[str]]:
    """How many rows there are, the values of each wanted column (None where a row has none), and all columns' names."""
    values: dict[str, list[Any]] = {}
    names: dict[str, None] = {}
    count = 0
    for row in rows:
        bound_rows(count + 1, field)
        if not isinstance(row, dict):
            raise InvalidInput(f"{field}[{count}]", f"expected an object, got {type(row).__name__}")
        for name, value in row.items():
            if name not in names:
                bound_columns(len(names) + 1, field)
                names[name] = None
                if selection.needs(name):
                    refuse_unusable_names([name], field)
                    values[name] = [None] * count
            if name not in values:
                continue
            if value is not None and kind_of_value(value) is None:
                expected = f"expected a string, a number, a boolean or null, got {type(value).__name__}"
                raise InvalidInput(f"{field}[{count}].{name}", expected)
            values[name].append(value)
        count += 1
        for present in values.values():
            if len(present) < count:
                present.append(None)
    return count, values, list(names)


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


def _fraction(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        number = None
    if number is None or (number and abs(number.adjusted()) > _MAX_EXPONENT):
        msg = f"the exponent of {text[:40]} is beyond ±{_MAX_EXPONENT}"
        raise ValueError(msg)
    return number
