"""Reading jobs. Lists are keyset pages on an index and carry no JSON column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, cast, select, true, tuple_

from regen_api.cursor import Cursor
from regen_api.jobs.views import Event, Job, JobPage, JobSummary, Output, Run
from regen_core.states import JobStatus
from regen_schema.tables import audit_event, job, job_status, output, plan, plan_generation, run, user

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

_SUMMARY = (
    job.c.id,
    job.c.type,
    job.c.status,
    job.c.priority,
    job.c.requestedBy.label("requested_by"),
    job.c.retryOf.label("retry_of"),
    job.c.createdAt.label("created_at"),
    job.c.lockedAt.label("locked_at"),
    job.c.completedAt.label("completed_at"),
    job.c.errorJson["classification"].astext.label("classification"),
)
_EVENTS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs a list holds; empty and None are any."""

    statuses: tuple[JobStatus, ...] = ()
    type: str | None = None
    requested_by: str | None = None


async def page(connection: AsyncConnection, wanted: Filter, cursor: Cursor | None, limit: int) -> JobPage:
    """Up to ``limit`` jobs after ``cursor``, newest first."""
    rows = (await connection.execute(page_statement(wanted, cursor, limit))).mappings().all()
    items = [JobSummary(**row) for row in rows[:limit]]
    more = len(rows) > limit
    return JobPage(items=items, next_cursor=Cursor(items[-1].created_at, items[-1].id).encode() if more else None)


def page_statement(wanted: Filter, cursor: Cursor | None, limit: int) -> Select[Any]:
    """One row more than ``limit``, which tells that there is a next page."""
    statement = select(*_SUMMARY).order_by(job.c.createdAt.desc(), job.c.id.desc()).limit(limit + 1)
    if wanted.statuses:
        # Literals, so that every plan may use the partial indexes.
        names = [str(status) for status in dict.fromkeys(wanted.statuses)]
        statuses = bindparam("statuses", names, job_status, expanding=True, literal_execute=True)
        statement = statement.where(job.c.status.in_(statuses))
    if wanted.type is not None:
        statement = statement.where(job.c.type == wanted.type)
    if wanted.requested_by is not None:
        statement = statement.where(job.c.requestedBy == wanted.requested_by)
    if cursor is not None:
        statement = statement.where(tuple_(job.c.createdAt, job.c.id) < tuple_(cursor.created_at, cursor.id))
    return statement


async def find(connection: AsyncConnection, job_id: str, subject: str | None = None) -> Job | None:
    """One job with its run and outputs, if ``subject`` may see it; None sees every job."""
    statement = (
        select(
            *_SUMMARY,
            job.c.instructionJson.label("instruction"),
            job.c.outputRef.label("output_ref"),
            job.c.errorJson.label("error"),
            run.c.podName.label("pod_name"),
            run.c.podUid.label("pod_uid"),
            run.c.startedAt.label("started_at"),
        )
        .select_from(job.outerjoin(run, run.c.jobId == job.c.id))
        .where(job.c.id == job_id, _visible(job_id, subject))
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    fields = dict(row)
    taken = {name: fields.pop(name) for name in ("pod_name", "pod_uid", "started_at")}
    return Job(
        **fields,
        run=Run(**taken) if taken["pod_uid"] is not None else None,
        outputs=await outputs(connection, job_id) if row["status"] == JobStatus.COMPLETED else [],
    )


async def outputs(connection: AsyncConnection, job_id: str) -> list[Output]:
    """A job's outputs by name; none unless it is COMPLETED."""
    statement = select(*_OUTPUT).where(output.c.jobId == job_id).order_by(output.c.name)
    return [Output(**row) for row in (await connection.execute(statement)).mappings()]


async def find_output(connection: AsyncConnection, job_id: str, name: str) -> Output | None:
    """One output."""
    statement = select(*_OUTPUT).where(output.c.jobId == job_id, output.c.name == name)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Output(**row)


async def manifest_ref(connection: AsyncConnection, job_id: str) -> str | None:
    """Where a COMPLETED job's manifest lies."""
    return (await connection.execute(select(job.c.outputRef).where(job.c.id == job_id))).scalar_one_or_none()


async def events(connection: AsyncConnection, job_id: str) -> list[Event]:
    """A job's events, oldest first."""
    statement = (
        select(
            audit_event.c.id,
            audit_event.c.event,
            audit_event.c.status,
            audit_event.c.actor,
            audit_event.c.at,
            audit_event.c.detail,
            cast(audit_event.c.detail, Text).label("detail_text"),
            audit_event.c.prevHash.label("prev_hash"),
            audit_event.c.hash,
        )
        .where(audit_event.c.jobId == job_id)
        .order_by(audit_event.c.id)
        .limit(_EVENTS_MAX)
    )
    return [Event(**row) for row in (await connection.execute(statement)).mappings()]


async def may_see(connection: AsyncConnection, job_id: str, subject: str | None) -> bool:
    """Whether there is such a job that ``subject`` may see; None sees every job."""
    statement = select(job.c.id).where(job.c.id == job_id, _visible(job_id, subject))
    return (await connection.execute(statement)).one_or_none() is not None


def _visible(job_id: str, subject: str | None) -> ColumnElement[bool]:
    """That ``subject`` asked for the job, or that it regenerates a plan of theirs."""
    if subject is None:
        return true()
    own_plan = (
        plan_generation.join(plan, plan.c.id == plan_generation.c.planId)
        .join(user, user.c.id == plan.c.userId)
        .select()
        .with_only_columns(plan_generation.c.jobId)
        .where(plan_generation.c.jobId == job_id, user.c.subject == subject)
    )
    return (job.c.requestedBy == subject) | own_plan.exists()


_OUTPUT = (
    output.c.name,
    output.c.ref,
    output.c.sha256,
    output.c.sizeBytes.label("size_bytes"),
    output.c.mediaType.label("media_type"),
    output.c.createdAt.label("created_at"),
)
