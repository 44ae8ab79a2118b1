"""Requests per second and p99 of the API over a million jobs, beside those of its bare ``/healthz``.

One ``regen-api`` process with the static key and without a rate limit, ``fsync`` and ``synchronous_commit`` on, one
connection that waits for its answer (the goal is about these) and ``CLIENTS`` that do. Server, database and client share the
machine: the ratio to ``/healthz``, which costs framework and client alone, and the server's own CPU say more than the rate.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
from psycopg import sql

from regen_api.cursor import Cursor
from regen_bench.process import Process
from regen_bench.rows import fill
from regen_schema.migrate import migrate
from regen_stack.postgres import Postgres

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
REQUESTS = 400
CLIENTS = 8
WARM_UP = 20
PAGE = 50
KEY = "the key of the benchmark"
JOBS = "/api/v1/regeneration-jobs"


def run() -> dict[str, Any]:
    """Prints the table; answers the milliseconds of every request by name."""
    with Postgres(fsync=True) as server:
        url = server.create_database("bench")
        migrate(url)
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            fill(connection, ROWS)
            _add_plan(connection)
            connection.execute("CREATE ROLE bench_api LOGIN PASSWORD 'bench' IN ROLE regen_api")
            paths = _paths(connection)
        return asyncio.run(_measured(server.url("bench", user="bench_api", password="bench"), paths))  # noqa: S106


def _add_plan(connection: psycopg.Connection[Any]) -> None:
    connection.execute("""INSERT INTO "User" VALUES ('u', 'developer', 'pro')""")
    connection.execute("""INSERT INTO "Plan" VALUES ('p', 'u', 'SQL', 'beginner', 5, 'video')""")


def _paths(connection: psycopg.Connection[Any]) -> dict[str, str]:
    query = sql.SQL('SELECT id, "createdAt" FROM "RegenerationJob" ORDER BY "createdAt" DESC, id DESC OFFSET {} LIMIT 1')

    def before(page: int) -> Cursor:
        row = connection.execute(query.format(sql.Literal(min(PAGE * (page - 1), ROWS - PAGE) - 1))).fetchone()
        assert row is not None
        return Cursor(row[1], row[0])

    return {
        "GET /healthz": "/healthz",
        "GET a job": f"{JOBS}/{before(1000).id}",
        "GET the first page": f"{JOBS}?limit={PAGE}",
        "GET the hundredth page": f"{JOBS}?limit={PAGE}&cursor={before(100).encode()}",
        "GET the thousandth page": f"{JOBS}?limit={PAGE}&cursor={before(1000).encode()}",
        "GET the first page, FAILED": f"{JOBS}?limit={PAGE}&status=FAILED",
        "GET the first page, a rare type": f"{JOBS}?limit={PAGE}&type=asset",
    }


async def _measured(database_url: str, paths: dict[str, str]) -> dict[str, Any]:
    raw: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        process, base = _started(database_url, Path(folder))
        try:
            async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {KEY}"}) as session:
                await _ready(session)
                print(f"{REQUESTS} requests each, {ROWS:,} jobs; goal: p99 < 20 ms")
                body = {"overrides": {"topic": "interview prep"}}
                for clients in (1, CLIENTS):
                    print(f"{f'{clients} at a time':<32}{'req/s':>7}{'p50 ms':>8}{'p99 ms':>8}{'CPU ms':>8}{'ratio':>7}")
                    load = Load(session, Process(process.pid), clients, raw.setdefault(f"{clients} at a time", {}))
                    for name, path in paths.items():
                        await load.row(name, 200, path)
                    await load.row("POST a plan's regeneration", 202, "/api/v1/plans/p/regenerate", json=body)
        finally:
            process.terminate()
            process.wait(60)
    return raw


def _started(database_url: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "REGEN_DATABASE_URL": database_url,
        "REGEN_OUTPUT_URL": folder.as_uri(),
        "REGEN_ENV": "development",
        "REGEN_STATIC_KEY": KEY,
        "REGEN_HTTP_HOST": "127.0.0.1",
        "REGEN_HTTP_PORT": str(port),
        "REGEN_RATE_LIMIT_PER_MINUTE": "0",
    }
    command = [sys.executable, "-m", "regen_api.main"]
    process = subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.DEVNULL)
    return process, f"http://127.0.0.1:{port}"


async def _ready(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get("/readyz") as answer:
                    if answer.status == HTTPStatus.OK:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)


class Load:
    """``clients`` that ask at a time; ``raw`` takes the milliseconds of every request by name."""

    def __init__(self, session: aiohttp.ClientSession, server: Process, clients: int, raw: dict[str, list[float]]) -> None:
        self._session = session
        self._server = server
        self._clients = clients
        self._raw = raw

    async def row(self, name: str, status: int, path: str, **body: Any) -> None:
        """Measures and prints one line, after a few requests that nobody counts.

        Raises:
            RuntimeError: an answer has another status than ``status``.
        """
        for _ in range(WARM_UP):
            await self._ask(name, status, path, body)
        milliseconds: list[float] = []
        left = iter(range(REQUESTS))

        async def client() -> None:
            milliseconds.extend([await self._ask(name, status, path, body) for _ in left])

        cpu, began = self._server.cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(client() for _ in range(self._clients)))
        rate = REQUESTS / (time.perf_counter() - began)
        cpu = 1000 * (self._server.cpu_seconds() - cpu) / REQUESTS
        self._raw[name] = milliseconds
        bare = statistics.median(self._raw["GET /healthz"])
        centiles = statistics.quantiles(milliseconds, n=100)
        print(
            f"{name:<32}{rate:>7.0f}{centiles[49]:>8.1f}{centiles[98]:>8.1f}{cpu:>8.1f}{bare / centiles[49]:>7.2f}", flush=True
        )

    async def _ask(self, name: str, status: int, path: str, body: dict[str, Any]) -> float:
        """The milliseconds of one request."""
        started = time.perf_counter()
        async with self._session.request("POST" if body else "GET", path, **body) as answer:
            await answer.read()
        if answer.status != status:
            message = f"{name}: expected {status}, got {answer.status}: the figure would mean nothing"
            raise RuntimeError(message)
        return (time.perf_counter() - started) * 1000
