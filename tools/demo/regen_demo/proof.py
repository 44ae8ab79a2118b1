"""What must hold when all jobs have ended, by the same checks as ``regen fsck``: rows, audit trail, every byte, cluster."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg

from regen_core.canonical import sha256_hex
from regen_core.names import ANNOTATION_JOB_ID, MANIFEST_NAME, PROVENANCE_NAME
from regen_core.states import JobStatus
from regen_verify import ClusterObject, JobObjects, JobRecord, Limits, ObjectRecord, Snapshot
from regen_verify import check as check_snapshot
from regen_verify.gather import snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_demo.objects import Objects

OUTPUTS: LiteralString = """
SELECT sha256, ref FROM "RegenerationOutput" WHERE "jobId" = ANY (%s) ORDER BY ref
"""
LIMITS: Final = Limits(repair_within=timedelta(0))
"""No event may be missing, not even for a while: nothing in the demo breaks the audit."""

_CONNECTION: Final[dict[str, Any]] = {"autocommit": True, "connect_timeout": 10, "options": "-c statement_timeout=30s"}


async def check(url: str, objects: Objects, ids: list[str], cluster: tuple[ClusterObject, ...]) -> list[str]:
    """What does not hold, one sentence each."""
    return await asyncio.to_thread(_check, url, objects, ids, cluster)


def cluster_objects(kind: str, items: list[dict[str, Any]]) -> tuple[ClusterObject, ...]:
    """Those of a list of Kubernetes objects that say which job they belong to."""
    return tuple(
        ClusterObject(kind, metadata["namespace"], metadata["name"], metadata["annotations"][ANNOTATION_JOB_ID])
        for item in items
        if ANNOTATION_JOB_ID in ((metadata := item["metadata"]).get("annotations") or {})
    )


async def outputs(url: str, ids: list[str]) -> list[tuple[str, str]]:
    """SHA-256 and URL of every output, by URL."""
    async with await psycopg.AsyncConnection.connect(url, **_CONNECTION) as connection:
        rows = await (await connection.execute(OUTPUTS, (ids,))).fetchall()
    return [(sha256, ref) for sha256, ref in rows]


def _check(url: str, objects: Objects, ids: list[str], cluster: tuple[ClusterObject, ...]) -> list[str]:
    faults = []
    jobs: list[JobRecord] = []
    whole: Snapshot | None = None
    with psycopg.connect(url, **_CONNECTION) as connection:

        def read(statement: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
            return connection.execute(statement, parameters).fetchall()

        for snapshot in snapshots(read, ids=ids, instructions=True, limits=LIMITS):
            jobs += [replace(job, objects=_held(objects, job)) for job in snapshot.jobs]
            whole = replace(snapshot, jobs=tuple(jobs), cluster=cluster)
    if whole is not None:
        missing = frozenset(one.job_id for one in cluster) - {job.id for job in jobs}
        faults += [f"{one.job_id}: {one.message}" for one in check_snapshot(replace(whole, missing=missing))]
    if absent := set(ids) - {job.id for job in jobs}:
        faults.append(f"rows that are gone: {sorted(absent)}")
    if not any(job.outputs for job in jobs):
        faults.append("no job has an output")
    return faults


def _held(objects: Objects, job: JobRecord) -> JobObjects | None:
    """What lies in the store, every byte of it read."""
    if job.status is not JobStatus.COMPLETED or job.output_ref is None:
        return None
    provenance = job.output_ref.removesuffix(MANIFEST_NAME) + PROVENANCE_NAME
    bodies = {ref: objects.body(ref) for ref in (job.output_ref, provenance, *(one.ref for one in job.outputs))}
    found = {ref: ObjectRecord(len(body), sha256_hex(body)) for ref, body in bodies.items() if body is not None}
    return JobObjects(found, bodies[job.output_ref], bodies[provenance] or b"")
