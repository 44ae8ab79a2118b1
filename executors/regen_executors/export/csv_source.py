"""Columns of text from a CSV source.

The file is read twice. The standard library reads it strictly, record by record (``csv_scan``): it finds what Arrow passes
over and counts fields and rows. Arrow then makes the columns: it alone tells an empty field (null) from a quoted empty one
(the empty string). Both must find the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]

from regen_executors.export.bounds import SOURCE, refuse_duplicates, refuse_unusable_names
from regen_executors.export.columns import Table
from regen_executors.export.csv_scan import scan
from regen_executors.export.parquet_source import from_arrow
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regen_executors.export.csv_scan import Scan
    from regen_executors.export.inputs import ExportInputs
    from regen_executors.export.selection import Selection

_BLOCK: Final = 1024 * 1024
"""Arrow's own block size, in bytes. A record must fit into one, so a longer record needs a larger block."""


def from_csv(path: Path, inputs: ExportInputs, selection: Selection) -> Table:
    """The wanted columns, all of them text; null where a field is empty.

    Raises:
        InvalidInput: the file is not in its encoding, a record is malformed or has another number of fields than there are
            names, or a wanted column has no usable name.
        Capped: there are more rows or columns than the limits allow.
    """
    scanned = scan(path, inputs)
    wanted = [at for at, name in enumerate(scanned.names) if selection.needs(name)]
    needed = [scanned.names[at] for at in wanted]
    refuse_duplicates(needed)
    refuse_unusable_names(needed, SOURCE)
    texts = _texts(scanned, wanted) if scanned.count else [pa.chunked_array([], pa.string())] * len(wanted)
    columns = [from_arrow(name, values, selection) for name, values in zip(needed, texts, strict=True)]
    return Table(scanned.count, columns, scanned.names, {"encoding": scanned.encoding, "delimiter": scanned.delimiter})


def _texts(scanned: Scan, wanted: Sequence[int]) -> list[Any]:
    # Names of our own: the file's may be empty or occur twice.
    keys = [str(at) for at in range(len(scanned.names))]
    try:
        with scanned.body() as body:
            table = pa.csv.read_csv(
                body,
                read_options=pa.csv.ReadOptions(
                    use_threads=False, column_names=keys, block_size=max(_BLOCK, scanned.longest + 1024)
                ),
                parse_options=pa.csv.ParseOptions(
                    delimiter=scanned.delimiter,
                    quote_char=scanned.quote or False,
                    newlines_in_values=True,
                    # The line of a null in a table of one column is empty.
                    ignore_empty_lines=len(keys) > 1,
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(keys, pa.string()),
                    include_columns=[keys[at] for at in wanted],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    null_values=[""],
                    check_utf8=True,
                ),
            )
    except pa.ArrowInvalid as error:
        raise InvalidInput(SOURCE, f"expected a source that is CSV with a line of names: {error}") from error
    if wanted and table.num_rows != scanned.count:
        found = f"one reader found {scanned.count} rows, another {table.num_rows}"
        raise InvalidInput(SOURCE, f"expected a source whose quotes every CSV reader understands: {found}")
    return [table.column(keys[at]) for at in wanted]
