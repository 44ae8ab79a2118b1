"""The inputs of ``export`` and its limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from regen_executors.export.kinds import Kind  # noqa: TC001 - pydantic reads it at run time
from regen_executors.inputs import StrictInputs

MAX_SOURCE_BYTES = 256 * 1024 * 1024
"""The size of a CSV or Parquet source at the most."""

MAX_JSON_BYTES = 64 * 1024 * 1024
"""The size of a JSON or JSON lines source at the most: as objects it takes some ten times that."""

MAX_ROWS = 2_000_000
"""Rows read at the most, before any filter."""

MAX_COLUMNS = 1000
"""Columns read at the most."""

MAX_OUTPUT_BYTES = 512 * 1024 * 1024
"""The size of one artifact at the most."""

Format = Literal["csv", "jsonl", "parquet", "xlsx"]
SourceFormat = Literal["csv", "json", "jsonl", "parquet"]
Op = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "isnull"]
Name = Annotated[str, Field(min_length=1, max_length=255)]


class ColumnInputs(StrictInputs):
    """One column.

    Attributes:
        name: its name in the rows.
        as_: its name in the artifacts; ``name`` where it is missing.
        type: what its values become; without it they stay what they are.
        scale: with type ``decimal``, the digits after the point; without it, as many as the longest value has.
        hidden: the column serves filters and sorting and is not in the artifacts.
    """

    name: Name
    as_: Annotated[str | None, Field(alias="as", min_length=1, max_length=255)] = None
    type: Kind | None = None
    scale: Annotated[int | None, Field(ge=0, le=37)] = None
    hidden: bool = False

    @model_validator(mode="after")
    def _scale_is_a_decimals(self) -> Self:
        if self.scale is not None and self.type != "decimal":
            msg = "expected scale only with type decimal"
            raise ValueError(msg)
        return self


class FilterInputs(StrictInputs):
    """A row stays when its value of ``column`` compares so with ``value``. A null compares with nothing but ``isnull``."""

    column: Name
    op: Op
    value: Any = None

    @model_validator(mode="after")
    def _value_fits_the_op(self) -> Self:
        if self.op == "in" and (not isinstance(self.value, list) or len(self.value) > 10_000):
            msg = "expected value to be a list of 10000 values at the most with op in"
        elif self.op == "isnull" and not isinstance(self.value, bool):
            msg = "expected value to be true or false with op isnull"
        elif self.op == "contains" and not isinstance(self.value, str):
            msg = "expected value to be a string with op contains"
        elif self.op != "in" and not isinstance(self.value, str | int | float | bool):
            msg = f"expected value to be a string, a number or a boolean with op {self.op}"
        else:
            return self
        raise ValueError(msg)


class SortInputs(StrictInputs):
    """Sorts by ``column``; NaN after every number, nulls last, whichever the direction."""

    column: Name
    descending: bool = False


class ExportInputs(StrictInputs):
    """``instructionJson.inputs`` of an ``export``. Exactly one of ``rows`` and ``source`` is given.

    Attributes:
        rows: objects from column to string, number, boolean or null.
        source: the name of the source file that holds the rows.
        source_format: its format; by default what its name ends in.
        delimiter: what separates the fields of a CSV source.
        columns: which columns, in this order; all, in order of appearance, where it is missing.
        filters: all must hold. They name columns as the rows do.
        sort: the first is the most significant. The sort is stable. They name columns as the rows do.
        limit: how many rows at the most, after filters and sorting.
        formats: which artifacts to make.
        name: the artifacts' name without its extension.
        sheet: the name of the sheet of the XLSX.
        csv_formula_guard: an apostrophe before text in the CSV that a spreadsheet would run as a formula. It changes the
            data, so it is off by default; the XLSX needs none, its text is typed as text.
    """

    rows: list[dict[str, Any]] | None = None
    source: Annotated[str | None, Field(min_length=1, max_length=128)] = None
    source_format: SourceFormat | None = None
    delimiter: Annotated[str, Field(pattern=r"^[,;|\t]$")] = ","
    columns: Annotated[list[ColumnInputs] | None, Field(min_length=1, max_length=MAX_COLUMNS)] = None
    filters: Annotated[tuple[FilterInputs, ...], Field(max_length=100, strict=False)] = ()
    sort: Annotated[tuple[SortInputs, ...], Field(max_length=16, strict=False)] = ()
    limit: Annotated[int | None, Field(ge=0)] = None
    formats: Annotated[tuple[Format, ...], Field(min_length=1, strict=False)] = ("csv",)
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = "export"
    sheet: Annotated[str, Field(pattern=r"^[^\[\]:*?/\\'\x00-\x1f]{1,31}$")] = "Data"
    csv_formula_guard: bool = False

    @field_validator("formats")
    @classmethod
    def _formats_differ(cls, formats: tuple[Format, ...]) -> tuple[Format, ...]:
        if len(set(formats)) != len(formats):
            msg = "expected each format once"
            raise ValueError(msg)
        return formats

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.rows is None) == (self.source is None):
            msg = f"expected exactly one of rows and source, got {'none' if self.rows is None else 'both'}"
            raise ValueError(msg)
        if self.rows is not None and self.source_format is not None:
            msg = "expected sourceFormat only together with source"
            raise ValueError(msg)
        return self
