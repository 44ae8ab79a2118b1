"""Gathers what the invariants are checked over, and checks them with core's own checker."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, LiteralString

from regen_core.canonical import sha256_hex
from regen_core.database.gather import clock, jobs_without_row, snapshots
from regen_core.invariants import (
    ClusterObject,
    JobObjects,
    JobRecord,
    Limits,
    ObjectRecord,
    Snapshot,
    check,
    check_change,
    check_leaks,
)
from regen_core.names import ANNOTATION_JOB_ID, LABEL_JOB_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import psycopg

    from regen_core.database.gather import Read
    from regen_devcluster.demo.objects import Objects
    from regen_devcluster.store import ObjectStore

LIMITS = Limits(overdue_after=timedelta(minutes=2), repair_within=timedelta(0))
"""No event may be missing once all is quiet: the sweep has been by."""
KINDS = {"RegenerationJob": "regenerationjobs.regeneration.dev", "Job": "jobs.batch", "Pod": "pods"}
_TABLES: tuple[LiteralString, ...] = (
    'SELECT to_jsonb(t) FROM "RegenerationJob" t',
    "SELECT to_jsonb(t) - 'nonce' FROM \"RegenerationRun\" t",
    'SELECT to_jsonb(t) FROM "RegenerationOutput" t',
    'SELECT to_jsonb(t) FROM "AuditEvent" t',
)


def records(connection: psycopg.Connection[Any]) -> list[JobRecord]:
    """Every job of the database, without its objects."""
    return [job for found in snapshots(_reader(connection), instructions=True) for job in found.jobs]


def look(connection: psycopg.Connection[Any], objects: Objects) -> Snapshot:
    """Every job of the database, with every byte of its outputs read."""
    read = _reader(connection)
    jobs = tuple(replace(job, objects=held(objects, job)) for job in records(connection))
    assert jobs, "the database holds no job: nothing would be checked"
    missing = {job_id for page in jobs_without_row(read) for job_id in page.missing}
    return Snapshot(clock(read), jobs, missing=frozenset(missing), limits=LIMITS)


def _reader(connection: psycopg.Connection[Any]) -> Read:
    def read(statement: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return connection.execute(statement, parameters).fetchall()

    return read


def held(objects: Objects, job: JobRecord) -> JobObjects | None:
    """What lies in the store of a job's outputs; None for a job without any."""
    if job.output_ref is None:
        return None
    bodies = {ref: objects.body(ref) for ref in (job.output_ref, *(one.ref for one in job.outputs))}
    found = {ref: ObjectRecord(len(body), sha256_hex(body)) for ref, body in bodies.items() if body is not None}
    return JobObjects(found, bodies[job.output_ref])


def cluster_objects(store: ObjectStore) -> tuple[ClusterObject, ...]:
    """Every custom resource, Job and pod that says which job it belongs to."""
    return tuple(
        ClusterObject(kind, one["metadata"]["namespace"], one["metadata"]["name"], job_id)
        for kind, resource in KINDS.items()
        for one in store.list(resource)
        if (job_id := job_of(kind, one)) is not None
    )


def job_of(kind: str, one: Mapping[str, Any]) -> str | None:
    """The job's id that an object of the cluster names."""
    metadata = one["metadata"]
    if kind == "RegenerationJob":
        named = (one.get("status") or {}).get("jobId")
        return named or (metadata.get("annotations") or {}).get(ANNOTATION_JOB_ID)
    return (metadata.get("annotations") or {}).get(ANNOTATION_JOB_ID) or (metadata.get("labels") or {}).get(LABEL_JOB_ID)


def violations(
    before: Snapshot, after: Snapshot, *, starts: Mapping[str, int] | None, cluster: tuple[ClusterObject, ...]
) -> list[str]:
    """What does not hold, a sentence each: at the end, and between the two looks."""
    known = {job.id for job in after.jobs}
    missing = after.missing | {one.job_id for one in cluster if one.job_id not in known}
    found = check(replace(after, starts=starts, cluster=cluster, missing=missing))
    earlier = {job.id: job for job in before.jobs}
    found += [one for job in after.jobs if job.id in earlier for one in check_change(earlier[job.id], job)]
    gone = [f"{job_id}: the row is gone" for job_id in earlier.keys() - known]
    return [f"{one.job_id}: {one.invariant}: {one.message}" for one in found] + gone


def leaks(
    connection: psycopg.Connection[Any], store: ObjectStore, logs: Mapping[str, str], secrets: Iterable[str]
) -> list[str]:
    """Where a secret stands that must not: logs, objects of the cluster, rows."""
    texts = dict(logs)
    for resource in (*KINDS.values(), "events", "leases.coordination.k8s.io"):
        texts |= {f"{resource}/{one['metadata']['name']}": json.dumps(one) for one in store.list(resource)}
    for statement in _TABLES:
        texts[statement] = json.dumps(connection.execute(statement).fetchall(), default=str)
    return [one.message for one in check_leaks(texts, secrets)]
