"""What the tests do in place of the application, the kubelet and the runner."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from kubelite.errors import APIError
from regen_core.names import job_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubelite.api import KubernetesAPI
    from tests.database_fixtures import Database

CUSTOM, JOBS, PODS = "regenerationjobs.regeneration.dev", "jobs.batch", "pods"
_numbers = itertools.count(1)


class World:
    """One database and one API. Waits are for conditions."""

    def __init__(self, database: Database, api: KubernetesAPI) -> None:
        self.database = database
        self.api = api
        self._admin: psycopg.AsyncConnection[dict[str, Any]] | None = None

    async def __aenter__(self) -> Self:
        self._admin = await psycopg.AsyncConnection.connect(self.database.url, autocommit=True, row_factory=dict_row)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._admin is not None
        await self._admin.close()

    async def query(self, text: str, *parameters: Any) -> list[dict[str, Any]]:
        assert self._admin is not None
        cursor = await self._admin.execute(text.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    async def insert(self, kind: str = "document", *, job_id: str | None = None, **columns: Any) -> str:
        job_id = job_id or f"job-{next(_numbers)}"
        values = {"id": job_id, "instructionJson": Jsonb({"type": kind, "version": 1, "inputs": {}}), **columns}
        names = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(["%s"] * len(values))
        await self.query(f'INSERT INTO "RegenerationJob" ({names}) VALUES ({places})', *values.values())
        return job_id

    async def row(self, job_id: str) -> dict[str, Any]:
        [row] = await self.query('SELECT *, status::text AS status FROM "RegenerationJob" WHERE id = %s', job_id)
        return row

    async def as_runner(self, call: str, *parameters: Any) -> Any:
        async with await psycopg.AsyncConnection.connect(self.database.runner_url, autocommit=True) as connection:
            row = await (await connection.execute(f"SELECT * FROM {call}".encode(), parameters)).fetchone()
        assert row is not None
        return row[0]

    async def start(self, job_id: str, uid: str, name: str) -> None:
        assert await self.as_runner("regen_start_v1(%s, %s, %s, %s)", job_id, uid, name, "nonce") == "started"

    async def complete(self, job_id: str, job_type: str = "document") -> None:
        ref = f"s3://regen/outputs/{job_type}/{job_id}"
        output = {"name": "a.txt", "ref": f"{ref}/a.txt", "sha256": "0" * 64, "sizeBytes": 1, "mediaType": "text/plain"}
        done = await self.as_runner(
            "regen_complete_v1(%s, %s, %s, %s)", job_id, "nonce", f"{ref}/manifest.json", Jsonb([output])
        )
        assert done == "completed"

    def find(self, resource: str, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            return dict(self.api.store.get(resource, namespace, name))
        except APIError:
            return None

    def job(self, job_id: str) -> dict[str, Any] | None:
        return self.find(JOBS, "regen-runs", job_name(job_id))

    def custom(self, job_id: str) -> dict[str, Any] | None:
        return self.find(CUSTOM, "regen", job_name(job_id))

    def status(self, name: str, namespace: str = "regen") -> dict[str, Any]:
        return (self.find(CUSTOM, namespace, name) or {}).get("status") or {}

    def phase(self, job_id: str) -> str | None:
        return self.status(job_name(job_id)).get("phase")

    def shows(self, job_id: str, phase: str) -> bool:
        return self.phase(job_id) == phase

    def make_pod(self, job_id: str, *, phase: str = "Running") -> dict[str, Any]:
        """A pod as the Job controller would make it, with a status as the kubelet would write it."""
        job = self.job(job_id)
        assert job is not None
        template = job["spec"]["template"]
        pod = self.api.store.create(
            PODS,
            "regen-runs",
            {
                "metadata": {"name": f"{job_name(job_id)}-x1", **template["metadata"]},
                "spec": template["spec"],
            },
        )
        return dict(
            self.api.store.update(
                PODS, "regen-runs", pod["metadata"]["name"], {**pod, "status": {"phase": phase}}, subresource="status"
            )
        )

    def set_job_status(self, job_id: str, kind: str, reason: str) -> None:
        job = self.job(job_id)
        assert job is not None
        now = job["metadata"]["creationTimestamp"]
        condition = {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now, "lastProbeTime": now}
        status = {"conditions": [condition], "startTime": now}
        self.api.store.update(JOBS, "regen-runs", job["metadata"]["name"], {**job, "status": status}, subresource="status")

    def apply(self, name: str, inputs: dict[str, Any] | None = None, *, namespace: str = "regen") -> None:
        instruction = {"type": "document", "version": 1, "inputs": inputs or {}}
        body = {
            "apiVersion": "regeneration.dev/v1alpha1",
            "kind": "RegenerationJob",
            "metadata": {"name": name},
            "spec": {"type": "document", "instruction": instruction},
        }
        self.api.store.create(CUSTOM, namespace, body)

    def customs(self) -> list[dict[str, Any]]:
        return list(self.api.store.list(CUSTOM))

    def writes(self) -> dict[tuple[str, str], int]:
        """Requests of the operator that change something, leases aside, by (verb, resource)."""
        reads = {"get", "list", "watch"}
        return {
            (verb, resource): count
            for (agent, verb, resource), count in self.api.counters.items()
            if agent == "regen-operator" and verb not in reads and not resource.startswith("leases")
        }

    async def until(self, what: str, met: Callable[[], Any], *, seconds: float = 20.0) -> Any:
        """What ``met`` answers (awaited where it has to be) once that is truthy."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    answer = met()
                    if asyncio.iscoroutine(answer):
                        answer = await answer
                    if answer:
                        return answer
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:.0f} s: {what}") from None

    async def until_status(self, job_id: str, status: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            row = await self.row(job_id)
            return row if row["status"] == status else None

        found: dict[str, Any] = await self.until(f"{job_id} is {status}", reached)
        return found
