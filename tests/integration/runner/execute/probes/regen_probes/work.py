"""What honest executors do."""

from __future__ import annotations

import asyncio
import locale
import os
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regen_executors.interface import Artifact, ExecutionResult

if TYPE_CHECKING:
    from regen_executors.interface import Instruction


def circumstances(instruction: Instruction) -> dict[str, Any]:
    """All that could differ from run to run."""
    return {
        "random": random.random(),  # noqa: S311 - its seed is what is asked for
        "hash": hash("regen"),
        "time zone": time.tzname,
        "locale": locale.setlocale(locale.LC_ALL),
        "umask": os.umask(0o022),
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "input": os.read(0, 10).decode(),
    }


def temporary_files(instruction: Instruction) -> str:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"scratch")
        file.flush()
        return file.name


def coroutines(instruction: Instruction) -> int:
    """asyncio, whose loop needs a pair of sockets."""

    async def nap() -> int:
        await asyncio.sleep(0)
        return await asyncio.to_thread(sum, [1, 2, 3])

    return asyncio.run(nap())


def tables(instruction: Instruction) -> ExecutionResult:
    """The libraries numpy and Arrow, with their threads."""
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    square = np.arange(250_000.0).reshape(500, 500)
    total = float((square @ square).sum())
    table = pa.table({"n": pa.array(range(200_000)), "total": pa.array([total] * 200_000)})
    path = instruction.out / "table.parquet"
    parquet.write_table(table.sort_by([("n", "descending")]), path)
    with ThreadPoolExecutor(4) as pool:
        sizes = set(pool.map(lambda _: parquet.read_table(path, use_threads=True).num_rows, range(4)))
    if sizes != {200_000}:
        raise AssertionError(sizes)
    return ExecutionResult((Artifact("table.parquet", "application/vnd.apache.parquet", path),))


def document(instruction: Instruction) -> ExecutionResult:
    import typst

    pdf = typst.compile(b"#set page(width: 10cm)\n= Hello\n$ x^2 $\n#lorem(200)")
    return ExecutionResult((Artifact("hello.pdf", "application/pdf", pdf),))
