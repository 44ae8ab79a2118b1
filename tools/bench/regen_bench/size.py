"""How large the programs are: the runner's three for a job that does nothing, and the operator over a million rows.

The runner's programs run as processes of their own, with the environment of a real Job, against a real database and store.
The operator runs against the embedded API server with ``ROWS`` ended jobs in the database. First nothing is to be done, for
``IDLE_SECONDS``, without any custom resource; then ``LIVE`` jobs wait or run, ``PER_SECOND`` begin and as many end for
``BENCH_SIZE_MINUTES`` (their pods are played: tools/bench/regen_bench/played_node.py).
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import yaml
from psycopg.types.json import Jsonb

from kubelite.api import KubernetesAPI
from regen_bench.metered import metered
from regen_bench.played_node import PlayedNode
from regen_bench.process import Process
from regen_bench.rows import fill
from regen_bench.runner_pod import PROGRAM, RunnerPod
from regen_schema.migrate import migrate
from regen_stack.config import StackConfig
from regen_stack.objects import install
from regen_stack.postgres import Postgres
from regen_stack.s3 import S3Server
from regen_stack.store import s3_store

if TYPE_CHECKING:
    from regen_bench.metered import Usage

ROWS: Final = int(os.environ.get("BENCH_ROWS", "1000000"))
MINUTES: Final = float(os.environ.get("BENCH_SIZE_MINUTES", "5"))
IDLE_SECONDS: Final = float(os.environ.get("BENCH_IDLE_SECONDS", "120"))
LIVE: Final = 1000
RUNNING: Final = 200
PER_SECOND: Final = 5.0
SETTLE_SECONDS: Final = 30.0
SAMPLE_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 300.0
POD_RUNS: Final = 5
MIB: Final = 1 << 20
CUSTOM: Final = "regenerationjobs.regeneration.dev"
INSERT: Final = 'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)'
OPERATOR: Final = {
    "REGEN_CAP_TOTAL": str(RUNNING),
    "REGEN_MIRROR_WINDOW": str(LIVE),
    "REGEN_PENDING_DEADLINE_SECONDS": "86400",
    "REGEN_HEALTH_HOST": "127.0.0.1",
    "REGEN_HEALTH_PORT": "0",
    "REGEN_LOG_LEVEL": "error",
}


def run() -> dict[str, Any]:
    """Prints two tables; answers every sample."""
    with Postgres(fsync=True) as server:
        url = server.create_database("bench")
        migrate(url)
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            logins = make_logins(connection, server)
            programs = _programs(connection, logins["runner"])
            fill(connection, ROWS)
        return {"programs": programs, "operator": asyncio.run(with_operator(url, logins, _phases))}


def make_logins(connection: psycopg.Connection[Any], server: Postgres) -> dict[str, str]:
    """URLs of new logins of the database ``bench`` by their role: operator and runner."""
    logins = {}
    for role in ("operator", "runner"):
        connection.execute(f"CREATE ROLE bench_{role} LOGIN PASSWORD 'bench' IN ROLE regen_{role}".encode())
        logins[role] = server.url("bench", user=f"bench_{role}", password="bench")  # noqa: S106
    return logins


# -- the runner's programs -----------------------------------------------------------------------------------------------


def _programs(connection: psycopg.Connection[Any], runner_url: str) -> dict[str, list[dict[str, float]]]:
    raw: dict[str, list[dict[str, float]]] = {}
    with S3Server() as server, tempfile.TemporaryDirectory() as folder:
        store = s3_store(server, "bench")
        for number in range(POD_RUNS):
            pod = RunnerPod(Path(folder, str(number)), f"size-{number}", runner_url, store.output_url, store.runner_environment)
            pod.make()
            connection.execute(INSERT, (pod.job_id, Jsonb(pod.instruction())))
            connection.execute("SELECT id FROM regen_claim_v1(1, 1000, '{}', NULL, %s)", ([pod.type],))
            for name in ("prepare", "execute", "publish"):
                with metered([PROGRAM, name], pod.environment(name)) as running:
                    usage = _succeeded(name, running.ended())
                raw.setdefault(name, []).append({"mib": usage.peak_bytes / MIB, "cpu_seconds": usage.cpu_seconds})
            row = connection.execute('SELECT status::text FROM "RegenerationJob" WHERE id = %s', (pod.job_id,)).fetchone()
            if row != ("COMPLETED",):
                raise RuntimeError(f"expected the job to be COMPLETED, got {row}: the figures would mean nothing")
    print(f"{'runner, no-op job':<20}{'peak MiB':>9}{'CPU s':>8}   goal < 64 MiB each; largest and median of {POD_RUNS}")
    for name, runs in raw.items():
        peak, seconds = max(one["mib"] for one in runs), statistics.median(one["cpu_seconds"] for one in runs)
        print(f"{name:<20}{peak:>9.1f}{seconds:>8.3f}", flush=True)
    return raw


def _succeeded(name: str, usage: Usage) -> Usage:
    if usage.status != 0:
        raise RuntimeError(f"{name}: expected exit status 0, got {usage.status}: {usage.errors[-2000:]}")
    return usage


# -- the operator --------------------------------------------------------------------------------------------------------


Phases = Callable[[Process, psycopg.AsyncConnection[Any], PlayedNode, Callable[[], int]], Awaitable[dict[str, Any]]]
"""What is done with an operator's process: a connection inserts, a node plays the pods, custom resources are counted."""


async def with_operator(url: str, logins: dict[str, str], phases: Phases) -> dict[str, Any]:
    """Runs an operator and, with it, ``phases``."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        api = KubernetesAPI()
        await api.start()
        stack.push_async_callback(api.stop)
        config = StackConfig()
        install(api.store, config, "postgresql://unused", {"AWS_ACCESS_KEY_ID": "unused"})
        (folder / "classes.yaml").write_text(yaml.safe_dump(config.classes_file("s3://regen/outputs")), encoding="utf-8")
        environment = os.environ | OPERATOR | {
            "KUBECONFIG": str(api.write_kubeconfig(folder / "kubeconfig")),
            "REGEN_DATABASE_URL": logins["operator"],
            "REGEN_CLASSES_FILE": str(folder / "classes.yaml"),
        }  # fmt: skip
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "regen_operator.main", env=environment)
        stack.push_async_callback(_end, child)
        node = PlayedNode(api.store, config.runner_namespace, logins["runner"], run_seconds=RUNNING / PER_SECOND)
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10)
        await stack.enter_async_context(connection)

        def live() -> int:
            return len(api.store.select(CUSTOM))

        return await phases(Process(child.pid), connection, node, live)


async def _end(child: asyncio.subprocess.Process) -> None:
    child.terminate()
    await asyncio.wait_for(child.wait(), 60)


async def _phases(
    process: Process, connection: psycopg.AsyncConnection[Any], node: PlayedNode, live: Callable[[], int]
) -> dict[str, Any]:
    raw: dict[str, Any] = {"rows": ROWS}
    print(f"\n{'operator':<20}{'MiB first':>10}{'last':>7}{'most':>7}{'mCPU':>7}{'CRs':>7}   {ROWS:,} ended jobs")
    await asyncio.sleep(SETTLE_SECONDS)
    raw["idle"] = await _watched("idle, no CR", process, IDLE_SECONDS, live)
    raw["churn"] = await churned(process, connection, node, live, 60 * MINUTES)
    print("goal: < 150 MiB with 1,000 live CRs and flat; < 5 mCPU idle")
    return raw


async def churned(
    process: Process, connection: psycopg.AsyncConnection[Any], node: PlayedNode, live: Callable[[], int], seconds: float
) -> dict[str, Any]:
    """Prints and answers memory and CPU while jobs begin and end, and how many ended."""
    async with asyncio.TaskGroup() as group:
        work = [group.create_task(node.run()), group.create_task(_churn(connection, node))]
        await _until(lambda: live() >= LIVE and node.completed > 0, f"{LIVE} custom resources and a completed job")
        await asyncio.sleep(SETTLE_SECONDS)
        before = node.completed
        watched = await _watched(f"{PER_SECOND:g} jobs/s", process, seconds, live)
        for task in work:
            task.cancel()
    return watched | {"completed": node.completed - before}


async def _churn(connection: psycopg.AsyncConnection[Any], node: PlayedNode) -> None:
    """Inserts a job for each that ended, so that ``LIVE`` wait or run."""
    made = 0
    while True:
        while made < LIVE + node.completed:
            instruction = {"type": "document", "version": 1, "inputs": {"title": "t", "markdown": "m"}}
            await connection.execute(INSERT, (f"churn-{made}", Jsonb(instruction)))
            made += 1
        await asyncio.sleep(0.1)


async def _until(met: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not met():  # noqa: ASYNC110 - a few, before anything is measured
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise RuntimeError(f"expected {what} within {PATIENCE_SECONDS:.0f} s") from None


async def _watched(name: str, process: Process, seconds: float, live: Callable[[], int]) -> dict[str, Any]:
    """Memory and CPU over ``seconds``; memory of the first and of the last fifth, each a median."""
    samples: list[float] = []
    cpu, began = process.cpu_seconds(), time.monotonic()
    while (spent := time.monotonic() - began) < seconds:
        samples.append(process.mib())
        await asyncio.sleep(min(SAMPLE_SECONDS, seconds - spent))
    millicores = 1000 * (process.cpu_seconds() - cpu) / (time.monotonic() - began)
    fifth = max(1, len(samples) // 5)
    first, last = statistics.median(samples[:fifth]), statistics.median(samples[-fifth:])
    print(
        f"{name:<20}{first:>10.1f}{last:>7.1f}{max(samples):>7.1f}{millicores:>7.1f}{live():>7}   {seconds:.0f} s", flush=True
    )
    return {"mib": samples, "millicores": millicores, "seconds": time.monotonic() - began, "resources": live()}
