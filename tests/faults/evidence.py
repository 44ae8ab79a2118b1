"""Gathers what the invariants are checked over, and checks them with core's own checker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, LiteralString

from regen_core.canonical import sha256_hex
from regen_core.names import ANNOTATION_JOB_ID, LABEL_JOB_ID, MANIFEST_NAME, PROVENANCE_NAME
from regen_verify import (
    ClusterObject,
    Invariant,
    JobObjects,
    JobRecord,
    Limits,
    ObjectRecord,
    Snapshot,
    Violation,
    check,
    check_change,
    check_leaks,
)
from regen_verify.gather import clock, jobs_without_row, snapshots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import psycopg

    from kubelite.store import ObjectStore
    from regen_demo.objects import Objects
    from regen_verify.gather import Read

LOOKED_AT = frozenset(Invariant) - {Invariant.REPRODUCIBLE}
"""No executor is run again: that is what ``regen verify --rerun`` does."""
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


def limits(overdue_seconds: float) -> Limits:
    """No event may be missing once all is quiet: the sweep has been by."""
    return Limits(overdue_after=timedelta(seconds=overdue_seconds), repair_within=timedelta(0))


def look(connection: psycopg.Connection[Any], objects: Objects, within: Limits) -> Snapshot:
    """Every job of the database, with every byte of its outputs read."""
    read = _reader(connection)
    jobs = tuple(replace(job, objects=held(objects, job)) for job in records(connection))
    assert jobs, "the database holds no job: nothing would be checked"
    missing = {job_id for page in jobs_without_row(read) for job_id in page.missing}
    return Snapshot(clock(read), jobs, missing=frozenset(missing), limits=within)


def _reader(connection: psycopg.Connection[Any]) -> Read:
    def read(statement: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return connection.execute(statement, parameters).fetchall()

    return read


def held(objects: Objects, job: JobRecord) -> JobObjects | None:
    """What lies in the store of a job's outputs; None for a job without any."""
    if job.output_ref is None:
        return None
    provenance = job.output_ref.removesuffix(MANIFEST_NAME) + PROVENANCE_NAME
    bodies = {ref: objects.body(ref) for ref in (job.output_ref, provenance, *(one.ref for one in job.outputs))}
    found = {ref: ObjectRecord(len(body), sha256_hex(body)) for ref, body in bodies.items() if body is not None}
    return JobObjects(found, bodies[job.output_ref], bodies[provenance] or b"")


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
    sentences = [_sentence(one) for one in found]
    return sentences + changes({job.id: job for job in before.jobs}, {job.id: job for job in after.jobs})


def changes(before: Mapping[str, JobRecord], after: Mapping[str, JobRecord]) -> list[str]:
    """What changed between two looks although it may not, a sentence each."""
    found = [one for job_id, job in after.items() if job_id in before for one in check_change(before[job_id], job)]
    gone = [f"{job_id}: {Invariant.IMMUTABLE}: the row is gone" for job_id in before.keys() - after.keys()]
    return [_sentence(one) for one in found] + gone


def leaks(
    connection: psycopg.Connection[Any], store: ObjectStore, logs: Mapping[str, str], secrets: Iterable[str]
) -> list[str]:
    """Where a secret stands that must not: logs, objects of the cluster, rows; a sentence each."""
    texts: dict[str, str] = {}
    for resource in (*KINDS.values(), "events", "leases.coordination.k8s.io"):
        texts |= {f"{resource}/{one['metadata']['name']}": json.dumps(one) for one in store.list(resource)}
    for statement in _TABLES:
        texts[statement] = json.dumps(connection.execute(statement).fetchall(), default=str)
    words = list(secrets)
    return [_sentence(one) for searched in (texts, logs) for one in check_leaks(searched, words)]


class Files(Mapping[str, str]):
    """Name → the text of a file, read when it is asked for: the logs of ten thousand pods are never in memory together."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    def __getitem__(self, name: str) -> str:
        return self._paths[name].read_text(errors="replace")

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _sentence(one: Violation) -> str:
    """``<job>: <invariant>: <what>``, which a table counts by its second part."""
    return f"{one.job_id or 'no job'}: {one.invariant}: {one.message}"
