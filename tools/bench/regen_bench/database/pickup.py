"""How soon an idle worker has a job in hand that was just inserted."""

from __future__ import annotations

import asyncio
import random
import statistics
from typing import TYPE_CHECKING

from regen_bench.database import sizes
from regen_bench.database.contender import in_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regen_bench.database.contender import Listener

PAUSE_SECONDS = 0.06
"""Between two jobs, and up to half as much again: each worker has gone to sleep by then."""


def measure(listeners: Sequence[Listener]) -> dict[str, list[float]]:
    """Seconds of every pickup by queue; each round has a fresh worker of every queue in turn."""
    seconds: dict[str, list[float]] = {one.name: [] for one in listeners}
    each = -(-sizes.PICKUPS // sizes.ROUNDS)
    for _ in range(sizes.ROUNDS):
        for one in listeners:
            in_loop(_round(one, each, seconds[one.name]))
    return seconds


async def _round(listener: Listener, count: int, seconds: list[float]) -> float:
    async with listener.idle_worker() as worker:
        for _ in range(count):
            await asyncio.sleep(PAUSE_SECONDS * random.uniform(1.0, 1.5))  # noqa: S311 - no secret
            seconds.append(await worker.pickup())
    return 0.0


def show(seconds: dict[str, list[float]]) -> None:
    """Prints the percentiles in milliseconds, and regen's median as a part of each one's."""
    ours = statistics.median(seconds["regen"])
    print(f"\n{'pickup, idle':<15}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}{'regen p50 / p50':>17}   {sizes.PICKUPS} jobs each")
    for name, values in seconds.items():
        cuts = [1000 * one for one in statistics.quantiles(values, n=100)]
        print(
            f"{name:<15}{cuts[49]:>8.1f}{cuts[94]:>8.1f}{cuts[98]:>8.1f}{ours / statistics.median(values):>17.2f}", flush=True
        )
