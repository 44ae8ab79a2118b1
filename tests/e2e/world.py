"""What end-to-end tests do with a stack: insert rows, wait for conditions, look at what there is."""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from regen_core.names import job_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from regen_stack.stack import Stack

CRS, JOBS, PODS, LEASES = "regenerationjobs", "jobs", "pods", "leases"
WAIT_SECONDS = 40.0
NODE_WAIT_SECONDS = 120.0
"""A real node pulls, mounts and schedules, and may be small."""

_numbers = itertools.count(1)


class World:
    """One test's view of the stack. Every wait is for a condition, woken by the database's notification."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.wait_seconds = NODE_WAIT_SECONDS if stack.config.kubeconfig else WAIT_SECONDS
        self.kube = stack.kube()
        self.namespace = stack.config.namespace
        self.runs = stack.config.runner_namespace
        self._listener: psycopg.AsyncConnection[dict[str, Any]] | None = None

    async def open(self) -> None:
        self._listener = await psycopg.AsyncConnection.connect(
            self.stack.superuser_url, autocommit=True, row_factory=dict_row, connect_timeout=10
        )
        await self._listener.execute("LISTEN regeneration_job")
        await self.kube.open()

    async def close(self) -> None:
        await self.kube.close()
        if self._listener is not None:
            await self._listener.close()

    # -- operators ----------------------------------------------------------------------------------------------------

    async def ensure_operators(self, count: int) -> None:
        for number in range(1, count + 1):
            process = self.stack.operators.get(f"operator-{number}")
            if process is None or process.returncode is not None:
                await self.stack.start_operator(f"operator-{number}")

    async def stop_operators(self) -> None:
        for process in self.stack.operators.values():
            if process.returncode is None:
                process.terminate()
        async with asyncio.timeout(30):
            for process in self.stack.operators.values():
                await process.wait()

    async def leader(self) -> str:
        """The name of the operator that holds the lease."""

        async def holder() -> str | None:
            lease = await self.kube.find(LEASES, self.namespace, "regen-operator")
            identity = str(lease["spec"].get("holderIdentity") or "") if lease else ""
            return next((name for name in self.stack.operators if identity.startswith(f"{name}_")), None)

        return str(await self.until("an operator leads", holder))

    # -- rows ---------------------------------------------------------------------------------------------------------

    async def insert(self, kind: str, inputs: dict[str, Any], *, job_id: str | None = None, **columns: Any) -> str:
        """A PENDING row, inserted by the API's role; its id."""
        job_id = job_id or f"e2e-{os.getpid()}-{next(_numbers)}"
        instruction = columns.pop("instruction", {"type": kind, "version": 1, "inputs": inputs})
        names = ["id", "instructionJson", *columns]
        async with await psycopg.AsyncConnection.connect(self.stack.database_url("api"), connect_timeout=10) as connection:
            await connection.execute(
                psycopg.sql.SQL('INSERT INTO "RegenerationJob" ({}) VALUES ({})').format(
                    psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, names)),
                    psycopg.sql.SQL(", ").join(psycopg.sql.Placeholder() * len(names)),
                ),
                [job_id, Jsonb(instruction), *columns.values()],
            )
        return job_id

    async def query(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        assert self._listener is not None
        return await (await self._listener.execute(sql.encode(), parameters)).fetchall()

    async def execute(self, sql: str) -> None:
        """A statement without rows, as the superuser."""
        assert self._listener is not None
        await self._listener.execute(sql.encode())

    async def row(self, job_id: str) -> dict[str, Any]:
        [row] = await self.query('SELECT * FROM "RegenerationJob" WHERE id = %s', job_id)
        return row

    async def events(self, job_id: str) -> list[str]:
        rows = await self.query('SELECT event FROM "AuditEvent" WHERE "jobId" = %s ORDER BY id', job_id)
        return [row["event"] for row in rows]

    async def outputs(self, job_id: str) -> list[dict[str, Any]]:
        return await self.query('SELECT * FROM "RegenerationOutput" WHERE "jobId" = %s ORDER BY name', job_id)

    async def ended(self, job_id: str) -> dict[str, Any]:
        """The row once it is terminal."""

        async def terminal() -> dict[str, Any] | None:
            row = await self.row(job_id)
            return row if row["status"] in {"COMPLETED", "FAILED"} else None

        return await self.until(f"{job_id} ends", terminal)

    async def started(self, job_id: str) -> dict[str, Any]:
        """The fence once it is taken."""

        async def fence() -> dict[str, Any] | None:
            rows = await self.query('SELECT * FROM "RegenerationRun" WHERE "jobId" = %s', job_id)
            return rows[0] if rows else None

        return await self.until(f"{job_id} starts", fence)

    async def until(self, what: str, met: Callable[[], Awaitable[Any]]) -> Any:
        """What ``met`` answers once that is truthy; looked at after every notification and at least every 0.2 s."""
        assert self._listener is not None
        try:
            async with asyncio.timeout(self.wait_seconds):
                while not (answer := await met()):
                    async for _ in self._listener.notifies(timeout=0.2, stop_after=1):
                        pass
        except TimeoutError:
            raise AssertionError(f"not within {self.wait_seconds:.0f} s: {what}\n{self._logs()}") from None
        return answer

    # -- objects ------------------------------------------------------------------------------------------------------

    async def job(self, job_id: str) -> dict[str, Any] | None:
        return await self.kube.find(JOBS, self.runs, job_name(job_id))

    async def launched(self, job_id: str) -> dict[str, Any]:
        """The Job, which must be there."""
        job = await self.job(job_id)
        assert job is not None
        return job

    async def pods(self, job_id: str) -> list[dict[str, Any]]:
        return await self.kube.find_all(PODS, self.runs, f"job-name={job_name(job_id)}")

    def starts_on_the_node(self, pod: dict[str, Any]) -> int:
        """How many executors were started in a pod, by the supervisor's mark in its volume: a file on the node.

        The node keeps a pod's volumes until the pod has ended.
        """
        uid = pod["metadata"]["uid"]
        if self.stack.config.kubeconfig is None:
            return len(list(self.stack.folder.glob(f"**/{uid}/volumes/result/started")))
        kubelet = Path(os.environ.get("REGEN_TEST_KUBELET", "/var/lib/kubelet"))
        if not (kubelet / "pods").is_dir():
            pytest.skip("not proven here: the node's folder of pods is not on this machine (REGEN_TEST_KUBELET)")
        return len(list((kubelet / "pods" / uid).glob("volumes/*/result/started")))

    async def mirror(self, job_id: str) -> dict[str, Any] | None:
        return await self.kube.find(CRS, self.namespace, job_name(job_id))

    async def shows(self, name: str, phase: str) -> dict[str, Any]:
        """The custom resource ``name`` once its phase is ``phase``."""

        async def met() -> dict[str, Any] | None:
            found = await self.kube.find(CRS, self.namespace, name)
            return found if found and found.get("status", {}).get("phase") == phase else None

        return dict(await self.until(f"{name} shows {phase}", met))

    async def mirrored(self, job_id: str, phase: str) -> dict[str, Any]:
        return await self.shows(job_name(job_id), phase)

    def _logs(self) -> str:
        tails = {name: self.stack.log_file(name).read_text(errors="replace")[-3000:] for name in self.stack.operators}
        return "\n".join(f"--- {name}\n{tail}" for name, tail in tails.items())
