"""Jobs per second through the whole life, from a full queue."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from regen_bench.database import sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regen_bench.database.contender import Contender


def measure(
    contenders: Sequence[Contender], urls: Mapping[str, str], depth: int, batches: Sequence[int]
) -> dict[int, dict[str, list[float]]]:
    """Seconds for each job of every round, by batch and contender; rounds interleaved, so that drift meets all alike."""
    seconds = {batch: {one.name: [0.0] * sizes.ROUNDS for one in contenders} for batch in batches}
    for number in range(sizes.ROUNDS):
        for batch in batches:
            for one in contenders:
                seconds[batch][one.name][number] = one.drain(urls[one.name], depth, batch)
    return seconds


def show(title: str, seconds: dict[int, dict[str, list[float]]]) -> None:
    """Prints medians, and the median of the rounds' ratios of regen to each peer."""
    names = list(next(iter(seconds.values())))
    peers = [name for name in names if name != "regen"]
    print(f"\n{title}: jobs per second, medians of {sizes.ROUNDS} interleaved rounds; regen's ratio to each")
    print(f"{'batch':>6}" + "".join(f"{name:>15}" for name in names) + "".join(f"{'/ ' + name:>16}" for name in peers))
    for batch, of in seconds.items():
        ratios = [statistics.median(b / a for a, b in zip(of["regen"], of[name], strict=True)) for name in peers]
        _row(str(batch), [rate(of[name]) for name in names], ratios)
    best = {name: min((statistics.median(of[name]), batch) for batch, of in seconds.items())[1] for name in names}
    ours = seconds[best["regen"]]["regen"]
    ratios = [statistics.median(b / a for a, b in zip(ours, seconds[best[name]][name], strict=True)) for name in peers]
    _row("best", [rate(seconds[best[name]][name]) for name in names], ratios)
    print(f"{'at':>6}" + "".join(f"{best[name]:>15}" for name in names), flush=True)


def rate(seconds: Sequence[float]) -> float:
    """Jobs per second from seconds for each job."""
    return 1 / statistics.median(seconds)


def _row(label: str, rates: Sequence[float], ratios: Sequence[float]) -> None:
    print(f"{label:>6}" + "".join(f"{one:>15,.0f}" for one in rates) + "".join(f"{one:>16.2f}" for one in ratios))
