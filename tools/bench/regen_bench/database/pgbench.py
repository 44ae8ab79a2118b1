"""pgbench: the same statements as regen's drain, on one connection, without Python: the limit of this SQL."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from regen_bench.database.regen import CLAIM, COMPLETE, START
from regen_stack.postgres import client_program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_bench.database.regen import Regen

_CLAIM = "SELECT coalesce(array_agg(id), '{}') AS ids FROM (" + CLAIM.format(batch=":batch") + ") AS claimed \\gset"  # noqa: S608 - constants
_SCRIPT = "\n".join((_CLAIM, START.format(ids=":ids") + ";", COMPLETE.format(ids=":ids") + ";"))
SECONDS_AT_MOST = 900
_TPS = re.compile(r"^tps = ([0-9.]+) ", re.MULTILINE)


class Pgbench:
    """Drains regen's own queue."""

    name = "pgbench"

    def __init__(self, regen: Regen) -> None:
        self._regen = regen

    def drain(self, url: str, depth: int, batch: int) -> float:
        prefix = self._regen.fill(depth)
        per_second = transactions(url, _SCRIPT, depth // batch, variables={"batch": batch})
        self._regen.verify(prefix, depth)
        return 1 / (per_second * batch)


def available() -> bool:
    """Whether the program runs here."""
    return Path(client_program("pgbench")).exists()


def transactions(url: str, script: str, each: int, *, clients: int = 1, variables: Mapping[str, int] | None = None) -> float:
    """Runs ``script`` ``each`` times on each of ``clients`` connections; scripts per second, without connecting.

    Raises:
        RuntimeError: pgbench failed, or a transaction did.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [
            client_program("pgbench"),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={min(clients, 2)}",
        ]
        command += [f"--transactions={each}", f"--file={file.name}"]
        command += [f"--define={name}={value}" for name, value in (variables or {}).items()]
        done = subprocess.run([*command, url], check=False, capture_output=True, text=True, timeout=SECONDS_AT_MOST)
    found = _TPS.search(done.stdout)
    if done.returncode != 0 or found is None or "number of failed transactions: 0 " not in done.stdout:
        message = f"pgbench: expected every transaction to succeed, got exit status {done.returncode}: {done.stderr[-2000:]}"
        raise RuntimeError(message)
    return float(found.group(1))
