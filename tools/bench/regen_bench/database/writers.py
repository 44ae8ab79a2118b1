"""One writer per pod, the real pattern: 32 processes that each start and complete their own jobs, one by one.

``python -m regen_bench.database.writers URL`` is one of them: it reads lines of a mode and ids. Mode ``kept`` keeps one
connection; ``pod`` uses the runner's own class, which connects for each call.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg

from regen_bench.database import sizes
from regen_bench.database.contender import require_all
from regen_bench.database.regen import CLAIM, COMPLETE, START
from regen_core.manifest import OutputRow
from regen_core.states import Complete, Start
from regen_runner.database import RunnerDatabase

if TYPE_CHECKING:
    from typing import Self

    from regen_bench.database.regen import Regen

PATIENCE_SECONDS = 300


MODES = ("kept", "pod")


def measure(regen: Regen, url: str) -> dict[str, list[float]]:
    """Jobs per second of every round by mode, in turn; the claim is not timed."""
    rates: dict[str, list[float]] = {mode: [] for mode in MODES}
    with ExitStack() as stack:
        writers = [stack.enter_context(_Writer(url)) for _ in range(sizes.WRITERS)]
        for one in writers:
            one.wait()
        for _ in range(sizes.ROUNDS):
            for mode, values in rates.items():
                values.append(_round(regen, url, mode, writers))
    return rates


class _Writer:
    """One process."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "regen_bench.database.writers", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=PATIENCE_SECONDS)  # it ends with its input

    def wait(self) -> None:
        """Until it has nothing to do.

        Raises:
            RuntimeError: it ended.
        """
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            message = "writer: expected it to become ready, got its end; its error is above"
            raise RuntimeError(message)

    def give(self, mode: str, ids: list[str]) -> None:
        """Has it start and complete the jobs ``ids``."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join((mode, *ids)) + "\n")
        self._process.stdin.flush()


def _round(regen: Regen, url: str, mode: str, writers: list[_Writer]) -> float:
    prefix = regen.fill(sizes.WRITER_JOBS)
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        ids = [row[0] for row in connection.execute(CLAIM.format(batch="%s"), (sizes.WRITER_JOBS,))]
    require_all("claim", len(ids), sizes.WRITER_JOBS)
    began = time.perf_counter()
    for number, one in enumerate(writers):
        one.give(mode, ids[number :: len(writers)])
    for one in writers:
        one.wait()
    seconds = time.perf_counter() - began
    regen.verify(prefix, sizes.WRITER_JOBS)
    return sizes.WRITER_JOBS / seconds


def show(rates: dict[str, list[float]]) -> None:
    """Prints the medians."""
    print(f"\n{sizes.WRITERS} processes that start and complete their own jobs, one by one; medians of {sizes.ROUNDS} rounds")
    for mode, name in (("kept", "a connection kept"), ("pod", "a connection for each call, as the pod's")):
        print(f"{name:<42}{statistics.median(rates[mode]):>8,.0f} jobs/s", flush=True)


def work(url: str) -> None:
    """One process: says that it is ready, does what a line says, and says so again."""
    database = RunnerDatabase(url, "bench")
    with psycopg.connect(url, autocommit=True, connect_timeout=10, prepare_threshold=0) as connection:
        print("ready", flush=True)
        for line in sys.stdin:
            mode, *ids = line.split()
            for job_id in ids:
                if mode == "pod":
                    _as_the_pod(database, job_id)
                else:
                    connection.execute(START.format(ids="%s"), ([job_id],))
                    connection.execute(COMPLETE.format(ids="%s"), ([job_id],))
            print("ready", flush=True)


def _as_the_pod(database: RunnerDatabase, job_id: str) -> None:
    output = OutputRow("a", f"s3://b/document/{job_id}/a", "0" * 64, 1, "text/plain")
    database.start(Start(job_id, "uid", "pod", "n" * 64))
    database.complete(Complete(job_id, "n" * 64, f"s3://b/document/{job_id}/manifest.json", (output,)))


if __name__ == "__main__":
    work(sys.argv[1])
