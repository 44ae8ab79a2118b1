"""Plays Job controller, kubelet and runner for many jobs at no cost: what the operator sees of a pod, and no process.

Each Job gets a pod at once, which takes the fence, runs for ``run_seconds``, completes the row and ends; Job and pod go
``KEEP_SECONDS`` later, as after a TTL. The database's functions are the real ones, called as the runner's login.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.types.json import Jsonb

from regen_core.names import ANNOTATION_JOB_ID

if TYPE_CHECKING:
    from kubelite.store import ObjectStore

JOBS, PODS = "jobs.batch", "pods"
KEEP_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.1
_NONCE: Final = "n" * 64


class PlayedNode:
    """Jobs in ``namespace`` of ``store`` run on it while ``run`` does.

    Attributes:
        completed: how many jobs it has completed.
    """

    def __init__(self, store: ObjectStore, namespace: str, runner_url: str, *, run_seconds: float) -> None:
        self.completed = 0
        self._store = store
        self._namespace = namespace
        self._url = runner_url
        self._run_seconds = run_seconds
        self._seen: set[str] = set()
        self._running: deque[tuple[float, str, str]] = deque()
        self._ended: deque[tuple[float, str]] = deque()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=10) as connection:
            while True:
                now = time.monotonic()
                for job in self._store.list(JOBS, self._namespace):
                    if job["metadata"]["name"] not in self._seen:
                        await self._start(connection, job)
                while self._running and now - self._running[0][0] >= self._run_seconds:
                    await self._complete(connection, *self._running.popleft()[1:])
                while self._ended and now - self._ended[0][0] >= KEEP_SECONDS:
                    self._remove(self._ended.popleft()[1])
                await asyncio.sleep(LOOK_SECONDS)

    async def _start(self, connection: psycopg.AsyncConnection[Any], job: dict[str, Any]) -> None:
        name, job_id = job["metadata"]["name"], job["metadata"]["annotations"][ANNOTATION_JOB_ID]
        template = job["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": name},
            "spec": {**template["spec"], "nodeName": "played"},
        }
        made = self._store.create(PODS, self._namespace, pod)
        self._status(PODS, name, {"phase": "Running", "startTime": _now()})
        self._status(JOBS, name, {"active": 1, "startTime": _now()})
        outcome = await connection.execute(
            "SELECT outcome FROM regen_start_v1(%s, %s, %s, %s)", (job_id, made["metadata"]["uid"], name, _NONCE)
        )
        _expect(await outcome.fetchone(), "started")
        self._seen.add(name)
        self._running.append((time.monotonic(), name, job_id))

    async def _complete(self, connection: psycopg.AsyncConnection[Any], name: str, job_id: str) -> None:
        folder = f"s3://b/document/{job_id}"
        output = {"name": "a", "ref": f"{folder}/a", "sha256": "0" * 64, "sizeBytes": 1, "mediaType": "text/plain"}
        outcome = await connection.execute(
            "SELECT regen_complete_v1(%s, %s, %s, %s)",
            (job_id, _NONCE, f"{folder}/manifest.json", Jsonb([output])),
        )
        _expect(await outcome.fetchone(), "completed")
        self.completed += 1
        self._status(PODS, name, {"phase": "Succeeded"})
        complete = {"type": "Complete", "status": "True", "lastTransitionTime": _now()}
        self._status(JOBS, name, {"active": 0, "succeeded": 1, "completionTime": _now(), "conditions": [complete]})
        self._ended.append((time.monotonic(), name))

    def _status(self, resource: str, name: str, status: dict[str, Any]) -> None:
        def change(body: dict[str, Any]) -> None:
            body["status"] = {**body.get("status", {}), **status}

        self._store.mutate(resource, self._namespace, name, change, subresource="status")

    def _remove(self, name: str) -> None:
        self._seen.discard(name)
        for resource in (JOBS, PODS):
            self._store.delete(resource, self._namespace, name, grace=0, propagation="Background")


def _expect(row: tuple[Any, ...] | None, outcome: str) -> None:
    if row != (outcome,):
        raise RuntimeError(f"expected the database to answer {outcome}, got {row}: the figures would mean nothing")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
