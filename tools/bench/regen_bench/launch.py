"""How fast PENDING rows become Jobs, beside the bare rate at which the same client creates the same Jobs and nothing else.

The embedded API server in this process, no node agent (no pod runs), one operator as a process of its own, ``fsync`` and
``synchronous_commit`` on; all of them share the machine's cores. First a trickle, for the latency from insert to the begin of
the claim's transaction, to custom resource and to Job; then ``ROUNDS`` bursts, each followed by as many bare creates. The
bursts' jobs stay RUNNING, so the last burst is launched beside all the earlier ones. What a burst's job costs is counted too:
requests of the operator, over all the rounds with the bare creates between them, in which it goes on looking at what was
launched; and CPU, from each burst's insert until its last custom resource is there.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg.types.json import Jsonb

from kubelite.api import KubernetesAPI
from regen_bench.launch_bare import NAMESPACE
from regen_core.names import job_name
from regen_schema.migrate import migrate
from regen_stack.config import StackConfig
from regen_stack.objects import install
from regen_stack.postgres import Postgres

ROWS = int(os.environ.get("BENCH_LAUNCH_ROWS", "5000"))
ROUNDS = 5
PER_ROUND = ROWS // ROUNDS
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

    def requests(self) -> Requests:
        """Those of the operator's own client so far, leases aside; kopf's lists and watches are not among them."""
        reads, writes = 0, 0
        for (agent, verb, resource), count in self.api.counters.items():
            if agent != "regen-operator" or resource.startswith("leases"):
                continue
            if verb in {"get", "list"}:
                reads += count
            else:
                writes += count
        return Requests(reads, writes)


@dataclass(frozen=True, slots=True)
class Requests:
    """How often something was read, and how often something was changed."""

    reads: int
    writes: int


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """One operator, and what it is measured with."""

    def __init__(
        self, connection: psycopg.AsyncConnection[Any], cluster: Cluster, operator: int, environment: dict[str, str]
    ) -> None:
        self.connection = connection
        self.cluster = cluster
        self._operator = operator
        self._environment = environment

    def cpu(self) -> tuple[float, float]:
        """CPU seconds so far of the operator, and of this process, which is the API server and little else."""
        return cpu_seconds(self._operator), time.process_time()

    async def insert(self, ids: list[str]) -> float:
        """Inserts rows; when they were committed (seconds of the epoch)."""
        async with self.connection.cursor() as cursor:
            await cursor.executemany(INSERT, [(one, Jsonb(INSTRUCTION)) for one in ids])
        return time.time()

    async def latencies(self, inserted: dict[str, float]) -> dict[str, list[float]]:
        """Seconds from each insert to each milestone, once all are reached."""
        ids = list(inserted)
        for resource in (JOBS, CUSTOM):
            await self.cluster.until_made(resource, ids)
        cursor = await self.connection.execute('SELECT id, "lockedAt" FROM "RegenerationJob" WHERE id = ANY (%s)', (ids,))
        locked = {row[0]: row[1].replace(tzinfo=UTC).timestamp() for row in await cursor.fetchall()}
        made = self.cluster.made
        return {
            # The stamp has whole milliseconds, so it may be before the insert; the claim's work and commit come after it.
            "claim's begin": [max(0.0, locked[one] - inserted[one]) for one in ids],
            "Job": [made[JOBS, job_name(one)] - inserted[one] for one in ids],
            "custom resource": [made[CUSTOM, job_name(one)] - inserted[one] for one in ids],
        }

    async def trickle(self) -> dict[str, list[float]]:
        """One job at a time at ``PER_SECOND``."""
        inserted: dict[str, float] = {}
        begin = time.monotonic()
        for number in range(TRICKLE):
            await asyncio.sleep(max(0.0, begin + number / PER_SECOND - time.monotonic()))
            one = f"trickle-{number}"
            inserted[one] = await self.insert([one])
        return await self.latencies(inserted)

    async def round(self, number: int) -> dict[str, Any]:
        """One burst, and the bare creates after it."""
        ids = [f"round{number}-{index}" for index in range(PER_ROUND)]
        cpu, began = self.cpu(), time.monotonic()
        committed = await self.insert(ids)
        await self.cluster.until_made(JOBS, ids)
        ours = time.monotonic() - began
        latencies = await self.latencies(dict.fromkeys(ids, committed))
        used = [after - before for before, after in zip(cpu, self.cpu(), strict=True)]
        bare = await _bare(self._environment, number)
        return {"ours": ours, "bare": bare, "latencies": latencies, "operator_cpu": used[0], "api_cpu": used[1]}


def run() -> dict[str, Any]:
    """Prints the tables; answers the seconds of every job and of every round, and what a job of the rounds costs."""
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
            bench = Bench(connection, cluster, operator.pid, environment)
            await bench.insert(["first"])
            await cluster.until_made(JOBS, ["first"])
            trickle = await bench.trickle()
            _print_latencies(trickle, f"{TRICKLE} rows, {PER_SECOND:g} per second")
            print(f"\n{'round':<6}{'jobs/min':>10}{'bare/min':>10}{'ratio':>7}   {PER_ROUND} jobs each, {ROWS} in all")
            before = cluster.requests()
            rounds = []
            for number in range(ROUNDS):
                rounds.append(await bench.round(number))
                _print_round(str(number + 1), rounds[-1]["ours"], rounds[-1]["bare"], rounds[-1]["bare"] / rounds[-1]["ours"])
            after = cluster.requests()
    finally:
        operator.terminate()
        await asyncio.wait_for(operator.wait(), 60)
        await cluster.api.stop()
    jobs = PER_ROUND * ROUNDS
    per_job = {
        "API reads": (after.reads - before.reads) / jobs,
        "API writes": (after.writes - before.writes) / jobs,
        "operator CPU ms": 1000 * sum(one["operator_cpu"] for one in rounds) / jobs,
        "API server CPU ms": 1000 * sum(one["api_cpu"] for one in rounds) / jobs,
    }
    _print_rounds(rounds, per_job)
    return {"trickle": trickle, "rounds": rounds, "per_job": per_job}


def _print_latencies(seconds: dict[str, list[float]], what: str) -> None:
    print(f"{'insert to':<18}{'p50 ms':>8}{'p90 ms':>8}{'p99 ms':>8}   {what}")
    for name, values in seconds.items():
        centiles = [1000 * one for one in statistics.quantiles(values, n=100)]
        print(f"{name:<18}{centiles[49]:>8.1f}{centiles[89]:>8.1f}{centiles[98]:>8.1f}")


def _print_round(name: str, ours: float, bare: float, ratio: float) -> None:
    print(f"{name:<6}{60 * PER_ROUND / ours:>10.0f}{60 * PER_ROUND / bare:>10.0f}{ratio:>7.2f}", flush=True)


def _print_rounds(rounds: list[dict[str, Any]], per_job: dict[str, float]) -> None:
    """The medians of each column and beside the fastest bare creates, the bursts' latencies, and what a job of them costs."""
    ours, bare = (statistics.median(one[column] for one in rounds) for column in ("ours", "bare"))
    _print_round("median", ours, bare, statistics.median(one["bare"] / one["ours"] for one in rounds))
    fastest = min(one["bare"] for one in rounds)  # beside the others the operator was still busy with its burst
    _print_round("best", ours, fastest, fastest / ours)
    print()
    milestones = rounds[0]["latencies"]
    together = {name: [second for one in rounds for second in one["latencies"][name]] for name in milestones}
    _print_latencies(together, f"{ROUNDS} bursts of {PER_ROUND} rows, from the whole burst's commit")
    print()
    for name, value in per_job.items():
        print(f"{name + ' per job':<28}{value:>8.2f}")


async def _bare(environment: dict[str, str], number: int) -> float:
    """The seconds in which the operator's client, in a process of its own, creates as many Jobs and does nothing else."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "regen_bench.launch_bare",
        f"bare{number}",
        str(PER_ROUND),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    if process.returncode != 0:
        message = f"expected the bare client to end well, got exit status {process.returncode}"
        raise RuntimeError(message)
    return float(json.loads(out)["seconds"])
