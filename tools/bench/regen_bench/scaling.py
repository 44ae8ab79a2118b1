"""Where the next wall is at 10, 100 and 1,000 launches per second: service times measured here, and a simulation of the rest.

What regen itself costs is measured: each database call on one connection with ``fsync`` on, a new connection as a pod makes
it, WAL, and the operator's CPU per job while jobs begin and end. What the cluster costs is not ours to measure here: the
defaults of Kubernetes' own components and how often a job makes them call stand in docs/scaling.md with their sources. The
model is a line of stations that every job passes; jobs arrive at random (Poisson), wait for a free server, and are served.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import os
import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.types.json import Jsonb

from regen_bench.size import churned, make_logins, with_operator
from regen_schema.migrate import migrate
from regen_stack.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regen_bench.played_node import PlayedNode
    from regen_bench.process import Process

RATES: Final = (10, 100, 1000)
JOBS: Final = 400
BATCH: Final = 20
"""The operator's own default."""
CONNECTIONS: Final = 40
SIMULATED: Final = 20_000
BUSY: Final = 0.7
"""Of its servers, a station that is to absorb bursts may have this share busy."""
CHURN_SECONDS: Final = float(os.environ.get("BENCH_SCALING_SECONDS", "60"))
SEED: Final = 1

API_CALLS, API_SECONDS, API_CONCURRENCY = 8, 0.010, 16
JOB_CONTROLLER_CALLS, JOB_CONTROLLER_QPS = 5, 20
SCHEDULER_CALLS, SCHEDULER_QPS = 1, 50
DATABASE_CORES, RUNNER_CORES = 4, 64
POD_CPU_SECONDS: Final = 0.8
"""Of the three programs for a job that does nothing, as ``python -m regen_bench size`` measures them."""


@dataclass(frozen=True, slots=True)
class Station:
    """Something that every job passes.

    Attributes:
        servers: how many jobs it serves at a time.
        seconds: service times; each job has one of them, at random.
        more: what more of it is called.
        unit: how much of ``more`` one server stands for.
    """

    name: str
    servers: int
    seconds: Sequence[float]
    more: str
    unit: int = 1

    def needed(self, rate: float) -> int:
        """How much of ``more`` it takes so that ``BUSY`` of it is busy at ``rate`` jobs per second."""
        return math.ceil(rate * statistics.fmean(self.seconds) / BUSY) * self.unit

    def load(self, rate: float) -> float:
        """Busy share of the servers; above 1 the queue grows without end."""
        return rate * statistics.fmean(self.seconds) / self.servers


def run() -> dict[str, Any]:
    """Prints the tables; answers what was measured and what the model made of it."""
    with Postgres(fsync=True) as server:
        url = server.create_database("bench")
        migrate(url)
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            logins = make_logins(connection, server)
            calls = _calls(connection)
            calls["connect"] = _timed(CONNECTIONS, lambda: psycopg.connect(logins["runner"], connect_timeout=10).close())
        operator = asyncio.run(with_operator(url, logins, _churned))
    print(f"\n{'measured, per job':<34}{'ms':>8}   median")
    for name in ("claim", "start", "complete", "connect"):
        print(f"{name:<34}{1000 * statistics.median(calls[name]):>8.2f}")
    print(f"{'operator, CPU':<34}{1000 * operator:>8.2f}\nWAL: {calls['wal_bytes']:.0f} bytes per job, 3 audit rows included")
    stations = _stations(calls, operator)
    raw = {str(rate): _modelled(stations, rate) for rate in RATES}
    return {"calls": calls, "operator_cpu_seconds": operator, "model": raw}


def _calls(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Seconds of each call (of a claim: per job), and WAL bytes per job."""
    instruction, nonce = Jsonb({"type": "document", "version": 1, "inputs": {"title": "t", "markdown": "m"}}), "n" * 64
    seconds: dict[str, Any] = {"claim": [], "start": [], "complete": []}
    begin = _wal(connection)
    for number in range(JOBS):
        connection.execute('INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)', (f"s{number}", instruction))
    output = {"name": "a", "sha256": "0" * 64, "sizeBytes": 1, "mediaType": "text/plain"}
    done = 0
    while True:
        began = time.perf_counter()
        rows = connection.execute("SELECT id FROM regen_claim_v1(%s, 1000, '{}', NULL, ARRAY['document'])", (BATCH,)).fetchall()
        if not rows:
            break
        seconds["claim"].append((time.perf_counter() - began) / len(rows))
        for (job_id,) in rows:
            start = "SELECT outcome FROM regen_start_v1(%s, 'uid', 'pod', %s)"
            seconds["start"] += _timed(1, lambda: connection.execute(start, (job_id, nonce)))  # noqa: B023 - called at once
            complete = (
                job_id,
                nonce,
                f"s3://b/document/{job_id}/manifest.json",
                Jsonb([output | {"ref": f"s3://b/document/{job_id}/a"}]),
            )
            began = time.perf_counter()
            outcome = connection.execute("SELECT regen_complete_v1(%s, %s, %s, %s)", complete).fetchone()
            seconds["complete"].append(time.perf_counter() - began)
            done += outcome == ("completed",)
    if done != JOBS:
        raise RuntimeError(f"expected {JOBS} jobs COMPLETED, got {done}: the figures would mean nothing")
    return seconds | {"wal_bytes": (_wal(connection) - begin) / JOBS}


def _wal(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])


def _timed(times: int, call: Callable[[], object]) -> list[float]:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


async def _churned(
    process: Process, connection: psycopg.AsyncConnection[Any], node: PlayedNode, live: Callable[[], int]
) -> Any:
    """The operator's CPU seconds per job."""
    print(f"{'operator':<20}{'MiB first':>10}{'last':>7}{'most':>7}{'mCPU':>7}{'CRs':>7}")
    watched = await churned(process, connection, node, live, CHURN_SECONDS)
    return watched["millicores"] / 1000 * watched["seconds"] / watched["completed"]


def _stations(calls: dict[str, Any], operator: float) -> list[Station]:
    pairs = zip(calls["start"], calls["complete"], strict=True)
    connects = 2 * statistics.median(calls["connect"])
    return [
        Station("claim", 1, calls["claim"], "REGEN_CLAIM_BATCH"),
        Station("operator's process", 1, [operator], "installations, each with its database"),
        Station("operator's API requests", API_CONCURRENCY, [API_CALLS * API_SECONDS], "REGEN_API_CONCURRENCY"),
        Station(
            "Job controller's requests", 1, [JOB_CONTROLLER_CALLS / JOB_CONTROLLER_QPS], "--kube-api-qps", JOB_CONTROLLER_QPS
        ),
        Station("scheduler's bindings", 1, [SCHEDULER_CALLS / SCHEDULER_QPS], "its client's qps", SCHEDULER_QPS),
        Station("cores for pods", RUNNER_CORES, [POD_CPU_SECONDS], "cores"),
        Station("database, pods' calls", DATABASE_CORES, [connects + sum(pair) for pair in pairs], "cores, PgBouncer"),
    ]


def _modelled(stations: list[Station], rate: int) -> dict[str, Any]:
    print(f"\n{f'{rate:,} jobs/s':<28}{'there is':>9}{'busy':>8}{'p99 wait s':>12}{'needed':>8}   more of it")
    chance = random.Random(SEED)  # noqa: S311 - a simulation
    arrivals, now = [], 0.0
    for _ in range(SIMULATED):
        now += chance.expovariate(rate)
        arrivals.append(now)
    raw = {}
    for station in stations:
        load = station.load(rate)
        wait = None
        if load < 1:
            arrivals, waits = passed(station, arrivals, chance)
            wait = statistics.quantiles(waits, n=100)[98]
        # A wall lets through what it can, and what is behind it would never be seen: the others get the whole rate.
        raw[station.name] = {"busy": load, "p99_wait_seconds": wait, "needed": station.needed(rate)}
        shown = "grows" if wait is None else f"{wait:.3f}"
        there, needed = station.servers * station.unit, station.needed(rate)
        print(f"{station.name:<28}{there:>9}{load:>8.0%}{shown:>12}{needed:>8}   {station.more}")
    return raw


def passed(station: Station, arrivals: Sequence[float], chance: random.Random) -> tuple[list[float], list[float]]:
    """When the jobs leave ``station``, sorted, and how long each waited; first come, first served."""
    free = [0.0] * station.servers
    left, waits = [], []
    for arrival in arrivals:
        begin = max(arrival, heapq.heappop(free))
        end = begin + chance.choice(station.seconds)
        heapq.heappush(free, end)
        waits.append(begin - arrival)
        left.append(end)
    return sorted(left), waits
