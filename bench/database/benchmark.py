"""Every part of the database path's benchmark, in one run on one server."""

from __future__ import annotations

from typing import Any

from bench.database import drain, sizes
from bench.database.pgbench import Pgbench, available
from bench.database.pgqueuer_queue import Pgqueuer
from bench.database.procrastinate_queue import Procrastinate
from bench.database.regen import Regen
from regen_devcluster.postgres import Postgres

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}


def run() -> dict[str, Any]:
    """Prints the tables; answers the seconds of every round."""
    with Postgres(fsync=True, settings=SETTINGS) as server:
        urls = {name: server.create_database(name) for name in ("regen", "pgqueuer", "procrastinate")}
        regen, pgqueuer, procrastinate = Regen(urls["regen"]), Pgqueuer(urls["pgqueuer"]), Procrastinate(urls["procrastinate"])
        contenders: list[Any] = [regen, pgqueuer, procrastinate]
        if available():
            contenders.append(Pgbench(regen))
        urls["pgbench"] = urls["regen"]
        raw: dict[str, Any] = {"drain": {}}
        for depth in sizes.DEPTHS:
            raw["drain"][depth] = drain.measure(contenders, urls, depth, sizes.BATCHES)
            drain.show(f"Drained from {depth:,}", raw["drain"][depth])
    return raw
