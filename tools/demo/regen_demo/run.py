"""The demo step by step: start, insert jobs, kill the leader midway, wait, check everything, try what must be refused."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
from rich.live import Live

from regen_demo import forbidden, proof, table
from regen_demo.jobs import DemoJob, demo_jobs, slow_job
from regen_demo.objects import Objects
from regen_stack.kube import exit_code
from regen_verify import check_leaks

if TYPE_CHECKING:
    from rich.console import Console

    from regen_demo.forbidden import Attempt
    from regen_demo.table import JobLine
    from regen_stack.stack import Stack

OPERATORS = ("operator-1", "operator-2")
JOBS_SECONDS = 80
CLUSTER_JOBS_SECONDS = 600
"""A cluster's pods take some seconds each, and its node may have few cores."""
SLOW_SECONDS = 4
POLL_SECONDS = 0.5


class Demo:
    """One run. ``faults`` has a sentence per failed check; empty at the end means success."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self.stack = stack
        self.console = console
        self.run = format(int(time.time()), "x")
        self.objects = Objects(stack.store.output_url, stack.store.admin_environment)
        self.kube = stack.kube()
        self.namespace = stack.config.namespace
        self.runs = stack.config.runner_namespace
        self.faults: list[str] = []

    async def course(self) -> list[str]:
        """Everything in order.

        Returns:
            A sentence per failed check.
        """
        jobs = demo_jobs(self.run, self.objects.upload_source)
        await self.kube.open()
        try:
            for name in OPERATORS:
                await self.stack.start_operator(name)
            await forbidden.insert(self.stack.database_url("api"), jobs)
            self.console.print(f"[bold]{len(jobs)} PENDING rows inserted[/] by the role regen_api, which may do nothing else\n")
            lines = await self._watch(jobs)
            await self._check(jobs, lines)
            await self._forbidden(next(line for line in lines if line.status == "COMPLETED"))
            await self._close(lines)
        finally:
            await self.kube.close()
        return self.faults

    # -- the run ------------------------------------------------------------------------------------------------------

    async def _watch(self, jobs: list[DemoJob]) -> list[JobLine]:
        ids = [job.id for job in jobs]
        killed = False
        limit = CLUSTER_JOBS_SECONDS if self.stack.config.kubeconfig else JOBS_SECONDS
        deadline = time.monotonic() + limit
        async with await psycopg.AsyncConnection.connect(
            self.stack.database_url("readonly"), autocommit=True, connect_timeout=10
        ) as connection:
            await connection.execute("LISTEN regeneration_job")
            with Live(console=self.console, auto_refresh=False, transient=not self.console.is_terminal) as live:
                while True:
                    lines = await table.read_lines(connection, ids)
                    live.update(table.render(lines, table.counts(lines)), refresh=True)
                    ended = sum(line.ended for line in lines)
                    if not killed and ended * 3 >= len(lines):
                        killed = await self._kill_leader(live.console)
                    if ended == len(lines):
                        break
                    if time.monotonic() > deadline:
                        self.faults.append(f"after {limit} s only {ended} of {len(lines)} jobs had ended")
                        break
                    await _notified(connection, POLL_SECONDS)
        if not killed:
            self.faults.append("the leading operator was not killed while jobs ran")
        return lines

    async def _kill_leader(self, console: Console) -> bool:
        lease = await self.kube.find("leases", self.namespace, "regen-operator")
        holder = str(lease["spec"].get("holderIdentity") or "") if lease else ""
        for name, process in self.stack.operators.items():
            if holder.startswith(name) and process.returncode is None:
                os.kill(process.pid, signal.SIGKILL)
                await process.wait()
                console.print(f"[bold red]killed the leading operator[/] {name} with SIGKILL; the other takes over")
                return True
        return False

    async def _check(self, jobs: list[DemoJob], lines: list[JobLine]) -> None:
        expected = {job.id: job.classification for job in jobs}
        for line in lines:
            wanted = expected[line.id]
            status = "FAILED" if wanted else "COMPLETED"
            if (line.status, line.classification) != (status, wanted):
                found = f"{line.status} {line.classification or ''}".strip()
                self.faults.append(f"{line.id}: expected {status} {wanted or ''}, got {found}")
        launched = {kind: await self.kube.find_all(plural, self.runs) for kind, plural in (("Job", "jobs"), ("Pod", "pods"))}
        cluster = tuple(one for kind, items in launched.items() for one in proof.cluster_objects(kind, items))
        self.faults += await proof.check(self.stack.superuser_url, self.objects, [line.id for line in lines], cluster)
        self.faults += [one.message for one in check_leaks({"the Jobs and pods": json.dumps(launched)}, self._secrets())]

    def _secrets(self) -> list[str]:
        stored = [value for name, value in self.stack.store.runner_environment.items() if "SECRET" in name]
        return [*stored, str(urlsplit(self.stack.database_url("runner")).password)]

    # -- what must be refused ------------------------------------------------------------------------------------------

    async def _forbidden(self, completed: JobLine) -> None:
        self.console.print("\n[bold]Trying what must be refused:[/]")
        stack = self.stack
        await asyncio.gather(*(_stop(process) for process in stack.operators.values()))
        slow = slow_job(self.run, SLOW_SECONDS)
        self._show(await forbidden.claim_twice(stack.database_url("operator"), stack.database_url("api"), slow))
        self.console.print("  [dim]that row is RUNNING without a Job, as after a crash; an operator starts and launches it[/]")
        await stack.start_operator(OPERATORS[0])
        for attempt in await self._launch_twice(slow):
            self._show(attempt)
        for attempt in await forbidden.rows(stack.superuser_url, stack.database_url("api"), completed.id):
            self._show(attempt)
        key = self.objects.key_of(str(completed.output_ref))
        client = Objects(stack.store.output_url, stack.store.runner_environment)
        for attempt in await asyncio.to_thread(forbidden.store_calls, client.client, client.bucket, key):
            self._show(attempt)

    async def _launch_twice(self, slow: DemoJob) -> list[Attempt]:
        async with await psycopg.AsyncConnection.connect(
            self.stack.database_url("readonly"), autocommit=True, connect_timeout=10
        ) as connection:
            await connection.execute("LISTEN regeneration_job")
            await self._until(connection, slow.id, lambda line: line.pod is not None)
            job = await self.kube.find("jobs", self.runs, f"regen-{slow.id}")
            if job is None:
                message = f"regen-{slow.id}: the running job has no Kubernetes Job"
                raise RuntimeError(message)
            status, answer = await self.kube.try_create("jobs", self.runs, _as_new(job))
            first = forbidden.Attempt("launch one job twice", status == 409, f"{status} {answer.get('message', '')}")
            await self.kube.create("pods", self.runs, _second_pod(job))
            line = await self._until(connection, slow.id, lambda line: line.ended)
        pods = await self.kube.ended_pods(self.runs, f"regeneration.dev/job-id={slow.id}", count=2)
        codes = sorted(exit_code(pod) for pod in pods)
        waited = line.status == "COMPLETED" and codes == [0, 64]
        return [
            first,
            forbidden.Attempt("run a second pod of a running job", waited, f"first pod {line.status}, exits {codes}"),
        ]

    async def _until(self, connection: psycopg.AsyncConnection[Any], job_id: str, met: Any) -> JobLine:
        async with asyncio.timeout(30):
            while True:
                [line] = await table.read_lines(connection, [job_id])
                if met(line):
                    return line
                await _notified(connection, POLL_SECONDS)

    def _show(self, attempt: Attempt) -> None:
        verdict = "[green]refused[/]" if attempt.refused else "[bold red]NOT REFUSED[/]"
        self.console.print(f"  {verdict}  {attempt.what}: [dim]{attempt.answer}[/]", soft_wrap=True, highlight=False)
        if not attempt.refused:
            self.faults.append(f"not refused: {attempt.what} ({attempt.answer})")

    # -- the end ------------------------------------------------------------------------------------------------------

    async def _close(self, lines: list[JobLine]) -> None:
        self.console.print("\n[bold]Outputs[/] (digest, URL):")
        for sha256, ref in await proof.outputs(self.stack.superuser_url, [line.id for line in lines]):
            self.console.print(f"  {sha256[:16]}  {ref}", highlight=False, soft_wrap=True)
        self.console.print(f"\n[bold]{table.counts(lines)}[/], {len(lines)} jobs")
        commands = ("regen list", "regen fsck --deep", "kubectl -n regen get rj")
        self.console.print(f"To explore the same stack: run [bold]make dev[/], then {', '.join(commands)}", soft_wrap=True)
        console = (await self.stack.start_api()).console
        self.console.print(f"[bold]make dev[/] also keeps the console running (here it was {console})", soft_wrap=True)


async def _notified(connection: psycopg.AsyncConnection[Any], seconds: float) -> None:
    """Returns at the next notification, or after ``seconds``, since the times in the table change without one."""
    async for _ in connection.notifies(timeout=seconds, stop_after=1):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        async with asyncio.timeout(15):
            await process.wait()


def _second_pod(job: dict[str, Any]) -> dict[str, Any]:
    """A pod as the Job's own, with another name: what a stripped finalizer or a partitioned node may bring about."""
    template = job["spec"]["template"]
    kept = {name: value for name, value in template["metadata"]["labels"].items() if name.startswith("regeneration.dev/")}
    metadata = {
        "name": f"{job['metadata']['name']}-second",
        "namespace": job["metadata"]["namespace"],
        "labels": kept,
        "annotations": template["metadata"].get("annotations", {}),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _as_new(job: dict[str, Any]) -> dict[str, Any]:
    """The Job as its maker would send it again: without what the server added."""
    metadata = {key: job["metadata"][key] for key in ("name", "namespace", "labels", "annotations") if key in job["metadata"]}
    spec = {key: value for key, value in job["spec"].items() if key != "selector"}
    template = spec["template"]
    labels = {name: template["metadata"]["labels"][name] for name in metadata["labels"]}
    spec["template"] = {**template, "metadata": {**template["metadata"], "labels": labels}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
