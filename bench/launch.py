"""How fast PENDING rows become Jobs, beside the bare rate at which the same client creates the same Jobs and nothing else.

The embedded API server in this process, no node agent (no pod runs), one operator as a process of its own, ``fsync`` and
``synchronous_commit`` on; all of them share the machine's cores. First a trickle, for the latency from insert to claim, to
custom resource and to Job; then ``ROUNDS`` bursts, each followed by as many bare creates. The bursts' jobs stay RUNNING, so the
last burst is launched beside all the earlier ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg.types.json import Jsonb

from bench.launch_bare import NAMESPACE
from regen_core.database.migrate import migrate
from regen_core.names import job_name
from regen_devcluster.api import KubernetesAPI
from regen_devcluster.postgres import Postgres
from regen_devcluster.stack_config import StackConfig
from regen_devcluster.stack_objects import install

ROWS = int(os.environ.get("BENCH_LAUNCH_ROWS", "5000"))
ROUNDS = 5
TRICKLE = 150
PER_SECOND = 5.0
PATIENCE_SECONDS = 900.0
JOBS, CUSTOM = "jobs.batch", "regenerationjobs.regeneration.dev"
INSERT = 'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)'
INSTRUCTION = {"type": "document", "version": 1, "inputs": {"title": "t", "markdown": "m"}}
OPERATOR = {
    "REGEN_CAP_TOTAL": "100000",
    "REGEN_PENDING_DEADLINE_SECONDS": "86400",
    "REGEN_HEALTH_HOST": "127.0.0.1",
    "REGEN_HEALTH_PORT": "0",
    "REGEN_LOG_LEVEL": "error",
}


class Cluster:
    """The API server, and when each object was made (seconds of the epoch)."""

    def __init__(self) -> None:
        self.api = KubernetesAPI()
        self.made: dict[tuple[str, str], float] = {}
        create = self.api.store.create

        def recorded(resource: str, namespace: str | None, obj: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
            answer = create(resource, namespace, obj, dry_run=dry_run)
            self.made[resource, answer["metadata"]["name"]] = time.time()
            return answer

        self.api.store.create = recorded  # type: ignore[method-assign] # the server itself is not changed for it

    async def until_made(self, resource: str, ids: list[str]) -> None:
        """Returns when every job of ``ids`` has its object."""
        names = [job_name(one) for one in ids]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any((resource, name) not in self.made for name in reversed(names)):  # noqa: ASYNC110 - a few, at the end
                await asyncio.sleep(0.005)

    def writes(self) -> int:
        """Requests of the operator that changed something, leases aside."""
        reads = {"get", "list", "watch"}
        return sum(
            count
            for (agent, verb, resource), count in self.api.counters.items()
            if agent == "regen-operator" and verb not in reads and not resource.startswith("leases")
        )


def run() -> dict[str, Any]:
    """Prints two tables; answers the seconds of every round and of every job of the trickle."""
    with Postgres(fsync=True) as server, tempfile.TemporaryDirectory() as folder:
        url = server.create_database("bench")
        migrate(url)
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            connection.execute("CREATE ROLE bench_operator LOGIN PASSWORD 'bench' IN ROLE regen_operator")
        return asyncio.run(_measured(url, server.url("bench", user="bench_operator", password="bench"), Path(folder)))  # noqa: S106


async def _measured(url: str, operator_url: str, folder: Path) -> dict[str, Any]:
    cluster = Cluster()
    await cluster.api.start()
    install(cluster.api.store, StackConfig(), "postgresql://unused", {"AWS_ACCESS_KEY_ID": "unused"})
    cluster.api.store.create("namespaces", None, {"metadata": {"name": NAMESPACE}})
    environment = os.environ | OPERATOR | {
        "KUBECONFIG": str(cluster.api.write_kubeconfig(folder / "kubeconfig")),
        "REGEN_DATABASE_URL": operator_url,
        "REGEN_CLASSES_FILE": str(folder / "classes.yaml"),
    }  # fmt: skip
    (folder / "classes.yaml").write_text(yaml.safe_dump(StackConfig().classes_file("s3://regen/outputs")), encoding="utf-8")
    operator = await asyncio.create_subprocess_exec(sys.executable, "-m", "regen_operator.main", env=environment)
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10) as connection:
            await _insert(connection, ["first"])
            await cluster.until_made(JOBS, ["first"])
            trickle = await _trickle(connection, cluster)
            rounds = [await _round(connection, cluster, environment, number) for number in range(ROUNDS)]
    finally:
        operator.terminate()
        await asyncio.wait_for(operator.wait(), 60)
        await cluster.api.stop()
    return {"trickle": trickle, "rounds": rounds, "writes": cluster.writes()}


async def _insert(connection: psycopg.AsyncConnection[Any], ids: list[str]) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(INSERT, [(one, Jsonb(INSTRUCTION)) for one in ids])


async def _trickle(connection: psycopg.AsyncConnection[Any], cluster: Cluster) -> dict[str, list[float]]:
    """Seconds from the insert to each milestone, one job at a time at ``PER_SECOND``."""
    ids = [f"trickle-{number}" for number in range(TRICKLE)]
    inserted: dict[str, float] = {}
    begin = time.monotonic()
    for number, one in enumerate(ids):
        await asyncio.sleep(max(0.0, begin + number / PER_SECOND - time.monotonic()))
        await _insert(connection, [one])
        inserted[one] = time.time()
    for resource in (JOBS, CUSTOM):
        await cluster.until_made(resource, ids)
    rows = await (
        await connection.execute('SELECT id, "lockedAt" FROM "RegenerationJob" WHERE id = ANY (%s)', (ids,))
    ).fetchall()
    locked = {row[0]: row[1].replace(tzinfo=UTC).timestamp() for row in rows}
    seconds = {
        # The claim's stamp has whole milliseconds, and is its transaction's beginning.
        "claim": [max(0.0, locked[one] - inserted[one]) for one in ids],
        "Job": [cluster.made[JOBS, job_name(one)] - inserted[one] for one in ids],
        "custom resource": [cluster.made[CUSTOM, job_name(one)] - inserted[one] for one in ids],
    }
    print(f"{'insert to':<18}{'p50 ms':>8}{'p90 ms':>8}{'p99 ms':>8}   {TRICKLE} rows, {PER_SECOND:g} per second")
    for name, values in seconds.items():
        centiles = [1000 * one for one in statistics.quantiles(values, n=100)]
        print(f"{name:<18}{centiles[49]:>8.1f}{centiles[89]:>8.1f}{centiles[98]:>8.1f}")
    print(f"\n{'round':<6}{'jobs/min':>10}{'bare/min':>10}{'ratio':>7}   {ROWS // ROUNDS} jobs each, {ROWS} in all")
    return seconds


async def _round(
    connection: psycopg.AsyncConnection[Any], cluster: Cluster, environment: dict[str, str], number: int
) -> dict[str, float]:
    """One burst, and the bare creates after it."""
    ids = [f"round{number}-{index}" for index in range(ROWS // ROUNDS)]
    began = time.monotonic()
    await _insert(connection, ids)
    await cluster.until_made(JOBS, ids)
    ours = time.monotonic() - began
    bare = await _bare(environment, number)
    print(f"{number + 1:<6}{60 * len(ids) / ours:>10.0f}{60 * len(ids) / bare:>10.0f}{bare / ours:>7.2f}", flush=True)
    return {"ours": ours, "bare": bare}


async def _bare(environment: dict[str, str], number: int) -> float:
    """The seconds in which the operator's client, in a process of its own, creates as many Jobs and does nothing else."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.launch_bare",
        f"bare{number}",
        str(ROWS // ROUNDS),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    if process.returncode != 0:
        message = f"expected the bare client to end well, got exit status {process.returncode}"
        raise RuntimeError(message)
    return float(json.loads(out)["seconds"])
