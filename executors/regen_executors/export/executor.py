"""The executor of type ``export``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from regen_executors.export.inputs import ExportInputs
from regen_executors.export.reading import read
from regen_executors.export.shaping import shape
from regen_executors.export.workbook import write_xlsx
from regen_executors.export.writing import write_csv, write_jsonl, write_parquet
from regen_executors.inputs import validated
from regen_executors.interface import Artifact, ExecutionResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regen_executors.export.columns import Column
    from regen_executors.interface import Instruction

_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ExportExecutor:
    """Rows as CSV, JSON lines, Parquet and XLSX. The inputs are ``ExportInputs``."""

    type: ClassVar[str] = "export"
    version: ClassVar[str] = "2"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Makes ``<name>.<format>`` for each of ``formats``, as files beneath ``instruction.out``.

        Raises:
            InvalidInput: an input or a row is wrong; names it.
            Capped: more is read or written than the limits in ``inputs`` and ``workbook`` allow.
        """
        inputs = validated(ExportInputs, instruction.inputs)
        table = read(inputs, instruction.sources)
        count, columns = shape(inputs, table)
        artifacts: list[Artifact] = []
        for wanted in inputs.formats:
            name = f"{inputs.name}.{wanted}"
            _write(inputs, wanted, instruction.out / name, count, columns)
            artifacts.append(Artifact(name, _MEDIA_TYPES[wanted], instruction.out / name))
        return ExecutionResult(tuple(artifacts), {"rows": count, "columns": len(columns), **table.facts})


def _write(inputs: ExportInputs, wanted: str, path: Path, count: int, columns: Sequence[Column]) -> None:
    if wanted == "csv":
        write_csv(path, count, columns, formula_guard=inputs.csv_formula_guard)
    elif wanted == "jsonl":
        write_jsonl(path, count, columns)
    elif wanted == "parquet":
        write_parquet(path, columns)
    else:
        write_xlsx(path, count, columns, inputs.sheet)
