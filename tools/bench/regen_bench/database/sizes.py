"""How much is measured. The defaults take some five minutes on two cores; every figure can be asked for by environment."""

from __future__ import annotations

import os


def _whole(name: str, default: str) -> int:
    return _list(name, default)[0]


def _list(name: str, default: str) -> tuple[int, ...]:
    """The whole numbers, one or more, of a variable that separates them by commas."""
    text = os.environ.get(name, default)
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        message = f"{name}: expected whole numbers of 1 or more, separated by commas, got {text!r}"
        raise SystemExit(message)
    return numbers


ROUNDS = _whole("BENCH_ROUNDS", "5")
DEPTHS = _list("BENCH_DATABASE_DEPTHS", "5000")
"""Jobs queued before a drain."""
BATCHES = _list("BENCH_DATABASE_BATCHES", "10,50,200")
SLOW_JOBS = _whole("BENCH_DATABASE_SLOW_JOBS", "1000")
"""Jobs of a drain by procrastinate, which takes one at a time; the others wait queued behind them."""
PICKUPS = _whole("BENCH_DATABASE_PICKUPS", "300")
INSERTS = _whole("BENCH_DATABASE_INSERTS", "9600")
WRITERS = 32
WRITER_JOBS = _whole("BENCH_DATABASE_WRITER_JOBS", "1600")
STREAM = _whole("BENCH_DATABASE_STREAM", "5000")
"""Jobs of a round of the job table's settings; whole waves of 500 are made."""
FINISHED = _whole("BENCH_DATABASE_FINISHED", "1000000")
