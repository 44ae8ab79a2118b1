"""What a line of log costs whoever writes it: with a reader, without one, and on a full disk (rule R10).

Beside it the standard library's handler with a reader, which waits for the reader; without one it would never come back.
"""

from __future__ import annotations

import logging
import os
import statistics
import threading
import time
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
    cases = {
        "standard library, reader": (logging.StreamHandler, read_pipe),
        "detached, reader": (detached, read_pipe),
        "detached, nobody reads": (detached, unread_pipe),
        "detached, full disk": (detached, full_disk),
    }
    raw = {name: [once(handler, target) for _ in range(ROUNDS)] for name, (handler, target) in cases.items()}
    first = statistics.median(raw["standard library, reader"])
    print(f"{'log of 300 bytes a line':<26} {'us/line':>8} {'ratio':>6}   median of {ROUNDS} rounds of {LINES} lines")
    for name, seconds in raw.items():
        median = statistics.median(seconds)
        print(f"{name:<26} {median / LINES * 1e6:>8.1f} {median / first:>6.2f}")
    return raw


def detached(file: Any) -> DetachedHandler:
    """The handler of regen's programs."""
    return DetachedHandler(file.fileno())


def once(make: Any, target: Any) -> float:
    """The seconds that the writer spends."""
    with target() as descriptor, os.fdopen(os.dup(descriptor), "w") as file:
        logger = logging.Logger("bench")  # noqa: LOG001 - outside of the tree
        logger.addHandler(make(file))
        begin = time.perf_counter()
        for _ in range(LINES):
            logger.warning(LINE)
        return time.perf_counter() - begin


@contextmanager
def read_pipe() -> Iterator[int]:
    """A pipe whose reader reads."""
    reading, writing = os.pipe()
    reader = threading.Thread(target=drain, args=(reading,), daemon=True)
    reader.start()
    yield writing
    os.close(writing)


@contextmanager
def unread_pipe() -> Iterator[int]:
    """A pipe that nobody reads; it goes with the process."""
    yield os.pipe()[1]


@contextmanager
def full_disk() -> Iterator[int]:
    """A device that answers every write with ENOSPC."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def drain(reading: int) -> None:
    """Reads until the last writer has closed."""
    while os.read(reading, 1 << 16):
        pass
