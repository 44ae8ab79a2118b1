"""A table: columns of one kind each, by name, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from regen_executors.export.kinds import arrow_type, convert, scale_of
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regen_executors.export.kinds import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A named column. ``values`` is a pyarrow.Array of ``arrow_type(kind)``."""

    name: str
    kind: Kind
    values: Any

    def python(self) -> list[Any]:
        """The values as Python objects, None for null."""
        values: list[Any] = self.values.to_pylist()
        return values

    def taken(self, rows: Any) -> Column:
        """The same column with only ``rows``, a pyarrow array of positions, in their order."""
        return Column(self.name, self.kind, self.values.take(rows))


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a source.

    Attributes:
        count: how many rows there are.
        columns: the columns that the inputs ask for, in order of appearance.
        names: the names of all columns, those that were not read too.
        facts: what was detected about the source, for the summary.
    """

    count: int
    columns: Sequence[Column]
    names: Sequence[str]
    facts: Mapping[str, str] = field(default_factory=dict)


def column(name: str, kind: Kind, values: Sequence[Any], blamed: str, scale: int | None = None) -> Column:
    """A column of ``values`` of any kind, each converted to ``kind``. ``blamed`` is the input that errors name.

    Raises:
        InvalidInput: the first value that ``kind`` cannot hold, or that UTF-8 cannot, with its row counted from 1.
    """
    converted: list[Any] = []
    for row, value in enumerate(values, start=1):
        try:
            converted.append(convert(value, kind))
        except ValueError as error:
            raise InvalidInput(blamed, f"column {name!r}, row {row}: {error}") from error
    digits = 0
    if kind == "decimal":
        digits = scale_of(converted)
        if scale is not None and digits > scale:
            raise InvalidInput(blamed, f"column {name!r}: expected {scale} digits after the point at most, got {digits}")
        digits = digits if scale is None else scale
    try:
        return Column(name, kind, pa.array(converted, type=arrow_type(kind, digits)))
    except UnicodeEncodeError as error:
        row, at = converted.index(error.object) + 1, error.start
        expected = f"expected text that UTF-8 can hold, got U+{ord(error.object[at]):04X} at character {at}"
        raise InvalidInput(blamed, f"column {name!r}, row {row}: {expected}") from error
    except pa.ArrowInvalid as error:
        raise InvalidInput(blamed, f"column {name!r}: expected values of one {kind} column: {error}") from error
