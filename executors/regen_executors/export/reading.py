"""Rows from the instruction, or from a CSV, JSON, JSON lines or Parquet source, as a table. One thread reads everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regen_executors.export.bounds import SOURCE
from regen_executors.export.csv_source import from_csv
from regen_executors.export.inputs import MAX_JSON_BYTES, MAX_SOURCE_BYTES
from regen_executors.export.objects import from_objects, json_array, json_lines
from regen_executors.export.parquet_source import from_parquet
from regen_executors.export.selection import Selection
from regen_executors.inputs import source_file, source_text
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regen_executors.export.columns import Table
    from regen_executors.export.inputs import ExportInputs

_FORMATS = ("csv", "json", "jsonl", "parquet")


def read(inputs: ExportInputs, sources: Mapping[str, Path]) -> Table:
    """The rows, and the columns that the inputs ask for in order of appearance.

    Raises:
        InvalidInput: there is no such source, it is not what its format says, or a row or column is wrong.
        Capped: there are more bytes, rows or columns than the limits allow.
    """
    selection = Selection.of(inputs)
    if inputs.rows is not None:
        return from_objects(inputs.rows, "inputs.rows", selection)
    name = inputs.source or ""
    chosen = inputs.source_format or name.rpartition(".")[2].lower()
    if chosen == "csv":
        return from_csv(source_file(sources, name, SOURCE, MAX_SOURCE_BYTES), inputs, selection)
    if chosen == "parquet":
        return from_parquet(source_file(sources, name, SOURCE, MAX_SOURCE_BYTES), selection)
    if chosen in _FORMATS:
        text = source_text(sources, name, SOURCE, MAX_JSON_BYTES)
        rows = json_array(text) if chosen == "json" else json_lines(text)
        return from_objects(rows, SOURCE, selection)
    raise InvalidInput("inputs.sourceFormat", f"expected one of {', '.join(_FORMATS)}, since {name!r} does not end in one")
