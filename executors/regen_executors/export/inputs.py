"""The inputs of ``export`` and its limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from regen_executors.export.kinds import Kind  # noqa: TC001 - pydantic reads it at run time
from regen_executors.inputs import StrictInputs

MAX_SOURCE_BYTES = 256 * 1024 * 1024
"""The largest CSV or Parquet source, in bytes."""

MAX_JSON_BYTES = 64 * 1024 * 1024
"""The largest JSON or JSON lines source, in bytes: as objects it takes some ten times that."""

MAX_ROWS = 2_000_000
"""Most rows of a source, before any filter."""

MAX_COLUMNS = 1000
"""Most columns of a source."""

MAX_OUTPUT_BYTES = 512 * 1024 * 1024
"""The largest artifact, in bytes."""

Format = Literal["csv", "jsonl", "parquet", "xlsx"]
SourceFormat = Literal["csv", "json", "jsonl", "parquet"]
Encoding = Literal[
    "utf-8",
    "utf-16",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1254",
    "koi8-r",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "big5",
]
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
            msg = "expected value to be a list of at most 10000 values with op in"
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
        encoding: the encoding of a CSV source; by default that of its byte order mark, else UTF-8.
        delimiter: what separates the fields of a CSV source; by default the one of ``,``, ``;``, tab and ``|`` that gives
            all of the first records the same number of fields.
        quote: what encloses the fields of a CSV source that contain a delimiter or a line break.
        header_line: the line of a CSV source that holds the names, from 1; lines before it are skipped. 0 where no line
            does: the columns are ``column_1``, ``column_2`` and so on.
        comment: lines of a CSV source that begin with this character are skipped.
        columns: which columns, in this order; all, in order of appearance, where it is missing.
        filters: all must hold. They name columns as the rows do.
        sort: the first is the most significant. The sort is stable. They name columns as the rows do.
        limit: how many rows at most, after filters and sorting.
        formats: which artifacts to make.
        name: the artifacts' name without its extension.
        sheet: the name of the sheet of the XLSX.
        csv_formula_guard: an apostrophe before text in the CSV that a spreadsheet would run as a formula. It changes the
            data, so it is off by default; the XLSX needs none, its text is typed as text.
    """

    rows: list[dict[str, Any]] | None = None
    source: Annotated[str | None, Field(min_length=1, max_length=128)] = None
    source_format: SourceFormat | None = None
    encoding: Encoding | None = None
    delimiter: Annotated[str | None, Field(pattern=r"^[,;|\t]$")] = None
    quote: Literal['"', "'", "none"] = '"'
    header_line: Annotated[int, Field(ge=0, le=1000)] = 1
    comment: Annotated[str | None, Field(pattern=r"^[#%;!/]$")] = None
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
