"""What a line of log costs whoever writes it: with a reader, without one, and on a full disk (rule R10).

Beside it the standard library's handler with a reader, which waits for the reader; without one it would never come back.
Each round has a process of its own: what the handler's thread has not written yet cannot reach the next round's pipe.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import statistics
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from regen_core.detached_log import DetachedHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = 10_000
ROUNDS = 5
LINE = "x" * 300


def run() -> dict[str, Any]:
    """Prints the table; answers the seconds of every round by case."""
    raw: dict[str, list[float]] = {name: [] for name in CASES}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        for _ in range(ROUNDS):
            for name, seconds in raw.items():
                seconds.append(processes.submit(once, name).result())
    first = statistics.median(raw["standard library, reader"])
    print(f"{'log of 300 bytes a line':<26} {'us/line':>8} {'ratio':>6}   median of {ROUNDS} rounds of {LINES} lines")
    for name, seconds in raw.items():
        median = statistics.median(seconds)
        print(f"{name:<26} {median / LINES * 1e6:>8.1f} {median / first:>6.2f}")
    return raw


def once(name: str) -> float:
    """The seconds that the writer spends. The descriptor it writes to is closed by the end of the process alone."""
    make, target = CASES[name]
    with target() as descriptor:
        handler = make(descriptor)
        logger = logging.Logger("bench")  # noqa: LOG001 - outside of the tree
        logger.addHandler(handler)
        begin = time.perf_counter()
        for _ in range(LINES):
            logger.warning(LINE)
        seconds = time.perf_counter() - begin
    handler.flush()
    return seconds


def attached(descriptor: int) -> logging.Handler:
    """The standard library's handler."""
    return logging.StreamHandler(os.fdopen(descriptor, "w", closefd=False))


@contextmanager
def read_pipe() -> Iterator[int]:
    """A pipe whose reader reads."""
    reading, writing = os.pipe()
    threading.Thread(target=drain, args=(reading,), daemon=True).start()
    yield writing


@contextmanager
def unread_pipe() -> Iterator[int]:
    """A pipe that nobody reads; afterwards its reader is gone, so that the handler's thread waits no longer."""
    reading, writing = os.pipe()
    yield writing
    os.close(reading)


@contextmanager
def full_disk() -> Iterator[int]:
    """A device that answers every write with ENOSPC."""
    yield os.open("/dev/full", os.O_WRONLY)


def drain(reading: int) -> None:
    """Reads until the last writer has closed, and closes."""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while pipe.read(1 << 16):
            pass


CASES = {
    "standard library, reader": (attached, read_pipe),
    "detached, reader": (DetachedHandler, read_pipe),
    "detached, nobody reads": (DetachedHandler, unread_pipe),
    "detached, full disk": (DetachedHandler, full_disk),
}
