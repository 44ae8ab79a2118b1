"""Which columns of a source the inputs ask for. The others are neither read nor checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regen_executors.export.inputs import ColumnInputs, ExportInputs


@dataclass(frozen=True, slots=True)
class Selection:
    """``columns`` as the inputs give them; ``names`` are theirs and those of filters and sorting, None for all."""

    columns: Sequence[ColumnInputs]
    names: frozenset[str] | None

    @classmethod
    def of(cls, inputs: ExportInputs) -> Selection:
        """The selection that the inputs make."""
        if inputs.columns is None:
            return cls((), None)
        used = [wanted.name for wanted in inputs.columns]
        used += [condition.column for condition in inputs.filters]
        used += [key.column for key in inputs.sort]
        return cls(inputs.columns, frozenset(used))

    def needs(self, name: str) -> bool:
        """Whether the column is written, filtered by or sorted by."""
        return self.names is None or name in self.names

    def is_text(self, name: str) -> bool:
        """Whether the inputs ask for the column as text."""
        return any(wanted.name == name and wanted.type == "string" for wanted in self.columns)
