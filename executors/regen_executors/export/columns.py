"""A table in the making: columns of one kind each, by name, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from regen_executors.export.kinds import arrow_type, convert, scale_of
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def column(name: str, kind: Kind, values: Sequence[Any], field: str, scale: int | None = None) -> Column:
    """A column of ``values`` of any kind, each converted to ``kind``.

    Raises:
        InvalidInput: the first value that ``kind`` cannot hold, or that UTF-8 cannot, with its row counted from 1.
    """
    converted: list[Any] = []
    for row, value in enumerate(values, start=1):
        try:
            converted.append(convert(value, kind))
        except ValueError as error:
            raise InvalidInput(field, f"column {name!r}, row {row}: {error}") from error
    digits = 0
    if kind == "decimal":
        digits = scale_of(converted)
        if scale is not None and digits > scale:
            raise InvalidInput(field, f"column {name!r}: expected {scale} digits after the point at the most, got {digits}")
        digits = digits if scale is None else scale
    try:
        return Column(name, kind, pa.array(converted, type=arrow_type(kind, digits)))
    except UnicodeEncodeError as error:
        row, at = converted.index(error.object) + 1, error.start
        expected = f"expected text that UTF-8 can hold, got U+{ord(error.object[at]):04X} at character {at}"
        raise InvalidInput(field, f"column {name!r}, row {row}: {expected}") from error
    except pa.ArrowInvalid as error:
        raise InvalidInput(field, f"column {name!r}: expected values of one {kind} column: {error}") from error
