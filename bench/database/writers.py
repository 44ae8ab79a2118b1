"""One writer per pod, the real pattern: 32 processes that each start and complete their own jobs, one by one.

``python -m bench.database.writers URL MODE`` is one of them: it says that it is ready, waits for a line of ids, and ends when
it has done them. Mode ``kept`` keeps one connection; ``pod`` uses the runner's own class, which connects for each call.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg

from bench.database import sizes
from bench.database.contender import require_all
from bench.database.regen import CLAIM, COMPLETE, START
from regen_core.manifest import OutputRow
from regen_core.states import Complete, Start
from regen_runner.database import RunnerDatabase

if TYPE_CHECKING:
    from bench.database.regen import Regen

PATIENCE_SECONDS = 300


def measure(regen: Regen, url: str) -> dict[str, list[float]]:
    """Jobs per second of every round by mode, in turn; the claim is not timed."""
    rates: dict[str, list[float]] = {"kept": [], "pod": []}
    for _ in range(sizes.ROUNDS):
        for mode, values in rates.items():
            values.append(_round(regen, url, mode))
    return rates


def _round(regen: Regen, url: str, mode: str) -> float:
    prefix = regen.fill(sizes.WRITER_JOBS)
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        ids = [row[0] for row in connection.execute(CLAIM.format(batch="%s"), (sizes.WRITER_JOBS,))]
    require_all("claim", len(ids), sizes.WRITER_JOBS)
    command = [sys.executable, "-m", "bench.database.writers", url, mode]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(sizes.WRITERS)
        ]
        for one in writers:
            assert one.stdout is not None
            one.stdout.readline()
        began = time.perf_counter()
        for number, one in enumerate(writers):
            assert one.stdin is not None
            one.stdin.write(" ".join(ids[number :: sizes.WRITERS]) + "\n")
            one.stdin.flush()
        for one in writers:
            assert one.stdout is not None
            one.stdout.readline()
        seconds = time.perf_counter() - began
        for one in writers:
            one.communicate(timeout=PATIENCE_SECONDS)
    regen.verify(prefix, sizes.WRITER_JOBS)
    return sizes.WRITER_JOBS / seconds


def show(rates: dict[str, list[float]]) -> None:
    """Prints the medians."""
    print(f"\n{sizes.WRITERS} processes that start and complete their own jobs, one by one; medians of {sizes.ROUNDS} rounds")
    for mode, name in (("kept", "a connection kept"), ("pod", "a connection for each call, as the pod's")):
        print(f"{name:<42}{statistics.median(rates[mode]):>8,.0f} jobs/s", flush=True)


def work(url: str, mode: str) -> None:
    """One process."""
    if mode == "pod":
        database = RunnerDatabase(url, "bench")
        print("ready", flush=True)
        for job_id in sys.stdin.readline().split():
            output = OutputRow("a", f"s3://b/{job_id}/a", "0" * 64, 1, "text/plain")
            database.start(Start(job_id, "uid", "pod", "n" * 64))
            database.complete(Complete(job_id, "n" * 64, f"s3://b/{job_id}/manifest.json", (output,)))
    else:
        with psycopg.connect(url, autocommit=True, connect_timeout=10, prepare_threshold=0) as connection:
            connection.execute("SELECT 1")
            print("ready", flush=True)
            for job_id in sys.stdin.readline().split():
                connection.execute(START.format(ids="%s"), ([job_id],))
                connection.execute(COMPLETE.format(ids="%s"), ([job_id],))
    print("done", flush=True)


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2])
