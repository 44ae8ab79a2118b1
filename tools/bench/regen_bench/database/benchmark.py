"""Every part of the database path's benchmark, in one run; ``BENCH_DATABASE_PARTS`` names those that are wanted."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import structlog

from regen_bench.database import delay, drain, flat, inserters, pickup, sizes, storage, writers
from regen_bench.database.pgbench import Pgbench, available
from regen_bench.database.pgqueuer_queue import Pgqueuer
from regen_bench.database.procrastinate_queue import Procrastinate
from regen_bench.database.regen import Regen, Sets
from regen_stack.postgres import Postgres

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}
DELAY_SECONDS = 0.001
PARTS = ("drain", "pickup", "inserters", "far", "writers", "flat", "flush", "storage")
OWN_SERVER = {"flush", "storage"}
NO_PGBENCH = "\nnot measured: pgbench is not in the PostgreSQL wheel"


def run() -> dict[str, Any]:
    """Prints the tables; answers the seconds of every round."""
    parts = os.environ.get("BENCH_DATABASE_PARTS", ",".join(PARTS)).split(",")
    if unknown := set(parts) - set(PARTS):
        message = f"BENCH_DATABASE_PARTS: expected some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}"
        raise SystemExit(message)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    raw: dict[str, Any] = {}
    with Postgres(fsync=True, settings=SETTINGS) as server:
        queues = _Queues(server)
        for part in parts:
            if part not in OWN_SERVER:
                raw[part] = getattr(queues, part)()
    if "flush" in parts:
        raw["flush"] = _flush()
    if "storage" in parts:
        raw["storage"] = storage.measure(SETTINGS)
        storage.show(raw["storage"])
    return raw


class _Queues:
    """All queues on one server."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._urls = {name: server.create_database(name) for name in ("regen", "sets", "pgqueuer", "procrastinate")}
        self._urls["pgbench"] = self._urls["regen"]
        self._regen = Regen(self._urls["regen"])
        self._peers = (Pgqueuer(self._urls["pgqueuer"]), Procrastinate(self._urls["procrastinate"]))
        self._limit = (Sets(self._urls["sets"]), *((Pgbench(self._regen),) if available() else ()))

    def drain(self) -> dict[int, Any]:
        raw = {}
        for depth in sizes.DEPTHS:
            raw[depth] = drain.measure((self._regen, *self._peers, *self._limit), self._urls, depth, sizes.BATCHES)
            drain.show(f"Drained from {depth:,}", raw[depth])
        if not available():
            print(NO_PGBENCH)
        return raw

    def pickup(self) -> dict[str, list[float]]:
        raw = pickup.measure((self._regen, *self._peers))
        pickup.show(raw)
        return raw

    def inserters(self) -> dict[str, list[float]] | None:
        return _inserters(self._server, "This disk")

    def far(self) -> dict[int, Any]:
        depth = min(sizes.DEPTHS)
        with delay.far_away(self._server.url(), DELAY_SECONDS) as far:
            port = far.rpartition("@")[2].partition("/")[0]
            urls = {name: f"{url.rpartition('@')[0]}@{port}/{url.rpartition('/')[2]}" for name, url in self._urls.items()}
            raw = drain.measure((self._regen, *self._peers, *self._limit), urls, depth, sizes.BATCHES)
        drain.show(f"Drained from {depth:,}, {1000 * DELAY_SECONDS:g} ms for each round trip", raw)
        return raw

    def writers(self) -> dict[str, list[float]]:
        raw = writers.measure(self._regen, self._urls["regen"])
        writers.show(raw)
        return raw

    def flat(self) -> dict[str, Any]:
        raw = flat.measure(self._server.create_database)
        flat.show(raw)
        return raw


def _inserters(server: Postgres, title: str) -> dict[str, list[float]] | None:
    if not available():
        print(NO_PGBENCH)
        return None
    url = server.create_database("inserters")
    Regen(url)
    raw = inserters.measure(url)
    inserters.show(title, raw)
    return raw


def _flush() -> dict[str, list[float]] | None:
    """The inserters on a server whose flushes take 1 ms longer."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        library = delay.slow_flush_library(Path(folder), round(1e6 * DELAY_SECONDS))
        if library is None:
            print("\nslow flushes: not measured: no C compiler (cc) is on PATH")
            return None
        with Postgres(fsync=True, settings=SETTINGS, preload=library) as server:
            return _inserters(server, f"Flushes that take {1000 * DELAY_SECONDS:g} ms longer")
