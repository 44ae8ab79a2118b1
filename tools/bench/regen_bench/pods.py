"""Jobs that do nothing, through regen and as bare Jobs: how many per second, how long one takes alone, and where its time goes.

With ``KUBECONFIG`` on that cluster, installed by the chart as ``make cluster-test`` does it and under the same conditions: the
context must be a test cluster's, ``REGEN_TEST_HOST`` an address of this machine that its pods reach, the images loaded. Without
it on kubelite, whose pods are processes of this machine and whose kubelet costs nothing. A bare Job runs ``/bin/true`` of
the same image in one container, or in three in sequence as regen's pods have them. Rounds are interleaved.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.types.json import Jsonb

from regen_bench.processor import Reading
from regen_core.names import job_name
from regen_stack.config import StackConfig
from regen_stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from regen_stack.kube import Kube

AT_ONCE: Final = int(os.environ.get("BENCH_POD_JOBS", "20"))
ROUNDS: Final = int(os.environ.get("BENCH_POD_ROUNDS", "5"))
ALONE: Final = 5
PATIENCE_SECONDS: Final = 600.0
LOOK_SECONDS: Final = 0.1
CREATES: Final = 16
"""Bare Jobs that are made at the same time: the operator's own default."""
CAP: Final = "1000"
PROGRAMS: Final = 10
"""As many have a line of their own in the table of processor time."""
NOOP: Final = {"type": "probe_noop", "version": 1, "inputs": {}}
JOBS, PODS = "jobs", "pods"
TRUE: Final = "/bin/true"


def run() -> dict[str, Any]:
    """Prints the tables; answers the seconds of every round, and of every job alone."""
    return asyncio.run(_run())


async def _run() -> dict[str, Any]:
    async with _stack() as stack:
        kube = stack.kube()
        await kube.open()
        bare = f"{stack.config.namespace}-bare"
        await kube.create("namespaces", None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": bare}})
        url = stack.superuser_url
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10) as connection:
                return await _measured(Ours(connection), Bare(kube, bare, stack.config.test_image), kube, stack)
        finally:
            await kube.delete("namespaces", None, bare)
            await kube.close()


@asynccontextmanager
async def _stack() -> AsyncIterator[Stack]:
    """Everything, with an operator at work, and no cap in the way."""
    config = StackConfig.from_environment()
    if config.kubeconfig is None:
        async with Stack(replace(config, fsync=True, operator_settings={"REGEN_CAP_TOTAL": CAP})) as stack:
            await stack.start_operator("bench")
            yield stack
        return
    from tests.e2e.installed.installation import Installation  # noqa: PLC0415 - it needs Helm, which kubelite does not

    name = f"regen-bench-{os.getpid()}"
    async with Installation(replace(config, fsync=True, namespace=name, runner_namespace=f"{name}-runs")) as installed:
        await installed.helm("upgrade", operator={"env": {"REGEN_CAP_TOTAL": CAP}})
        yield installed


class Ours:
    """Jobs through regen: rows in, COMPLETED rows out."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    async def make(self, ids: list[str]) -> None:
        """Inserts the rows."""
        async with self.connection.cursor() as cursor:
            await cursor.executemany(
                'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)', [(one, Jsonb(NOOP)) for one in ids]
            )

    async def done(self, ids: list[str]) -> bool:
        """Whether all are COMPLETED.

        Raises:
            RuntimeError: one has FAILED: the figures would mean nothing.
        """
        query = 'SELECT status::text, "errorJson"::text, count(*) FROM "RegenerationJob" WHERE id = ANY (%s) GROUP BY 1, 2'
        rows = await (await self.connection.execute(query, (ids,))).fetchall()
        failed = [row for row in rows if row[0] == "FAILED"]
        if failed:
            raise RuntimeError(f"expected every job to be COMPLETED, got {failed}")
        return {row[0] for row in rows} == {"COMPLETED"}


class Bare:
    """Jobs that nobody manages, in a namespace of their own."""

    def __init__(self, kube: Kube, namespace: str, image: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._image = image

    def of(self, containers: int) -> Callable[[list[str]], Awaitable[None]]:
        """What makes Jobs of so many containers."""

        async def make(ids: list[str]) -> None:
            gate = asyncio.Semaphore(CREATES)

            async def create(one: str) -> None:
                async with gate:
                    await self._kube.create(JOBS, self._namespace, self._job(one, containers))

            await asyncio.gather(*(create(one) for one in ids))

        return make

    async def done(self, ids: list[str]) -> bool:
        """Whether all are Complete.

        Raises:
            RuntimeError: one has failed.
        """
        wanted = set(ids)
        jobs = [job for job in await self._kube.find_all(JOBS, self._namespace) if job["metadata"]["name"] in wanted]
        states = [
            {condition["type"] for condition in job.get("status", {}).get("conditions") or [] if condition["status"] == "True"}
            for job in jobs
        ]
        if any("Failed" in state for state in states):
            raise RuntimeError("expected every bare Job to complete, one has failed")
        return len(jobs) == len(ids) and all("Complete" in state for state in states)

    def _job(self, name: str, containers: int) -> dict[str, Any]:
        each = [
            {"name": f"c{number}", "image": self._image, "imagePullPolicy": "IfNotPresent", "command": [TRUE]}
            for number in range(containers)
        ]
        spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": each[-1:]}
        if each[:-1]:
            spec["initContainers"] = each[:-1]
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {"spec": spec}},
        }


async def _measured(ours: Ours, bare: Bare, kube: Kube, stack: Stack) -> dict[str, Any]:
    kinds = {
        "bare": (bare.of(1), bare.done),
        "bare, three containers": (bare.of(3), bare.done),
        "regen": (ours.make, ours.done),
    }
    where = "the cluster of KUBECONFIG" if stack.config.kubeconfig else "kubelite"
    alone: dict[str, list[float]] = {name: [] for name in kinds}
    together: dict[str, list[float]] = {name: [] for name in kinds}
    spent: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    for number in range(-1, ALONE):  # the first of each pulls images and fills caches, and is not counted
        for name, kind in kinds.items():
            seconds = await _seconds([_name(name, "alone", number + 1)], *kind)
            if number >= 0:
                alone[name].append(seconds)
    for number in range(ROUNDS):
        for name, kind in kinds.items():
            ids = [_name(name, f"r{number}", index) for index in range(AT_ONCE)]
            before = Reading.now()
            together[name].append(await _seconds(ids, *kind))
            spent[name] += Reading.now().since(before)
    print(f"{where}: {AT_ONCE} at once, median of {ROUNDS} rounds; one alone, median of {ALONE}")
    print(f"{'':<24}{'jobs/s':>8}{'ratio':>7}{'alone s':>9}   goal: regen >= 0.55 of bare, one alone <= 7 s")
    for name, rounds in together.items():
        rate = AT_ONCE / statistics.median(rounds)
        ratio = statistics.median(first / one for first, one in zip(together["bare"], rounds, strict=True))
        print(f"{name:<24}{rate:>8.2f}{ratio:>7.2f}{statistics.median(alone[name]):>9.1f}", flush=True)
    per_job = _processor(spent)
    ids = [_name("regen", "alone", number) for number in range(1, ALONE + 1)]
    stages = await _stages(ours, kube, stack.config.runner_namespace, ids)
    return {"alone": alone, "together": together, "cpu seconds per job": per_job, "stages": stages}


def _name(kind: str, what: str, number: int) -> str:
    return f"{kind.replace(', ', '-').replace(' ', '-')}-{what}-{number}"


async def _seconds(
    ids: list[str], make: Callable[[list[str]], Awaitable[None]], done: Callable[[list[str]], Awaitable[bool]]
) -> float:
    """From the first that is asked for to the last that has ended."""
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await make(ids)
        while not await done(ids):  # noqa: ASYNC110 - neither rows nor Jobs of another namespace have an event here
            await asyncio.sleep(LOOK_SECONDS)
    return time.monotonic() - began


# -- where the time goes -------------------------------------------------------------------------------------------------


def _processor(spent: Mapping[str, Counter[str]]) -> dict[str, dict[str, float]]:
    """Prints and answers each kind's processor seconds a job, by program: those that regen's jobs cost most, and the rest."""
    jobs = AT_ONCE * ROUNDS
    per_job = {kind: {program: seconds / jobs for program, seconds in one.items()} for kind, one in spent.items()}
    dearest = [program for program, _ in spent["regen"].most_common(PROGRAMS)]
    print(f"\n{'processor seconds of a job':<34}" + "".join(f"{kind:>24}" for kind in per_job))
    for program in dearest:
        print(f"{program:<34}" + "".join(f"{one.get(program, 0.0):>24.3f}" for one in per_job.values()))
    rest = [sum(seconds for program, seconds in one.items() if program not in dearest) for one in per_job.values()]
    print(f"{'other programs':<34}" + "".join(f"{seconds:>24.3f}" for seconds in rest))
    print(f"{'all':<34}" + "".join(f"{sum(one.values()):>24.3f}" for one in per_job.values()), flush=True)
    return per_job


async def _stages(ours: Ours, kube: Kube, namespace: str, ids: list[str]) -> dict[str, list[float]]:
    """Prints and answers the seconds of each stage of jobs that ran alone: rows to the millisecond, pods in whole seconds."""
    stages: dict[str, list[float]] = {}
    query = """SELECT "lockedAt" - "createdAt", "startedAt" - "lockedAt", "completedAt" - "startedAt"
               FROM "RegenerationJob" JOIN "RegenerationRun" ON "jobId" = id WHERE id = ANY (%s)"""
    for row in await (await ours.connection.execute(query, (ids,))).fetchall():
        for name, span in zip(("row: insert to claim", "row: claim to fence", "row: fence to end"), row, strict=True):
            stages.setdefault(name, []).append(span.total_seconds())
    for job_id in ids:
        for pod in await kube.find_all(PODS, namespace, f"job-name={job_name(job_id)}"):
            for name, seconds in _pod_stages(pod):
                stages.setdefault(name, []).append(seconds)
    print(f"\n{'one job alone':<34}{'mean s':>8}   pods' times are whole seconds, so that a mean says more than one of them")
    for name, seconds in stages.items():
        print(f"{name:<34}{statistics.fmean(seconds):>8.2f}")
    return stages


def _pod_stages(pod: dict[str, Any]) -> Iterable[tuple[str, float]]:
    """Name and seconds of what a pod did, one after the other."""
    status = pod["status"]
    at = _moment(pod["metadata"]["creationTimestamp"])
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("lastTransitionTime"):
            scheduled = _moment(condition["lastTransitionTime"])
            yield "pod: made to node found", scheduled - at
            at = scheduled
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        ended = (container.get("state") or {}).get("terminated") or {}
        if not ended.get("startedAt") or not ended.get("finishedAt"):
            return
        begin, end = _moment(ended["startedAt"]), _moment(ended["finishedAt"])
        yield f"pod: until {container['name']} starts", begin - at
        yield f"pod: {container['name']} runs", end - begin
        at = end


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
