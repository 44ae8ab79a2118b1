"""``/admin/plans``: every plan for admins, one's own for anybody; its state follows from its jobs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Select, Text, cast, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from regen_api.console.jobs import job_path
from regen_api.console.pages import HOME, Admin, Console, Page, SignedIn, posted, see_other
from regen_api.console.session import Session
from regen_api.jobs.routes import ID_PATTERN
from regen_api.plans.state import Generation, PlanStatus, derive
from regen_api.problems import not_found
from regen_core.states import JobStatus
from regen_schema.tables import job, plan, plan_generation, user

router: Final = APIRouter(route_class=Page, include_in_schema=False)

PLANS: Final = f"{HOME}/plans"
PAGE: Final = 50
HISTORY: Final = 50

PlanId = Annotated[str, Path(alias="planId", pattern=ID_PATTERN)]


@dataclass(frozen=True, slots=True)
class Line:
    """A plan in the list with its latest job."""

    id: str
    topic: str
    subject: str
    tier: str
    status: PlanStatus
    latest: str | None
    requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A plan as its row has it now."""

    id: str
    subject: str
    tier: str
    topic: str
    skill_level: str
    weekly_hours: int
    learning_style: str
    start_date: datetime | date | None
    deadline_date: datetime | date | None
    notes: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """One of a plan's jobs. ``overrides`` is None where an admin repeated an earlier one."""

    id: str
    status: JobStatus
    created_at: datetime
    completed_at: datetime | None
    overrides: dict[str, Any] | None


@router.get(PLANS)
async def index(request: Request, _: Admin, after: Annotated[str | None, Query(pattern=ID_PATTERN)] = None) -> Response:
    """Keyset pages by id, the only order that an application's table surely has an index for."""
    console: Console = request.app.state.console
    async with request.app.state.parts.database.reading() as connection:
        lines = await _page(connection, after)
    more = len(lines) > PAGE
    return console.render(
        request,
        "plans.html",
        plans=lines[:PAGE],
        is_first=after is None,
        next=f"{PLANS}?{urlencode({'after': lines[PAGE - 1].id})}" if more else None,
    )


@router.get(f"{PLANS}/{{planId}}")
async def show(request: Request, session: SignedIn, plan_id: PlanId) -> Response:
    """A plan with its jobs, for admins and its owner."""
    console: Console = request.app.state.console
    async with request.app.state.parts.database.reading() as connection:
        found = await _find(connection, plan_id)
        if found is None or not (session.is_admin or found.subject == session.subject):
            raise not_found("plan")
        history = await _history(connection, plan_id)
    state = derive([Generation(one.id, one.status) for one in history])
    return console.render(
        request,
        "plan.html",
        plan=found,
        state=state,
        history=history,
        may_regenerate=found.subject == session.subject,
        key=_key(plan_id, state.latest, session),
    )


@router.post(f"{PLANS}/{{planId}}/regenerate")
async def regenerate(request: Request, session: SignedIn, plan_id: PlanId) -> Response:
    """Makes a job of the caller's own plan as it is now."""
    given = await posted(request, session.csrf)
    key = given.get("key", [""])[0][:64]
    row_key = f"console:{key}" if key.isalnum() and key.isascii() else None
    made, _ = await request.app.state.parts.plans.regenerate(plan_id, session.subject, {}, row_key)
    return see_other(job_path(made.generation_id))


def _key(plan_id: str, latest: str | None, session: Session) -> str:
    """Of the button as it stands now: pressed twice it makes one job, and it is another once there is a newer job.

    And another in each session, because no key is ever free again: where a purge took all of a plan's jobs, the plan alone
    would give the key of a job that is gone.
    """
    return hashlib.sha256(f"{plan_id}/{latest}/{session.csrf}".encode()).hexdigest()[:32]


async def _page(connection: AsyncConnection, after: str | None) -> list[Line]:
    listed = select(plan.c.id, plan.c.topic, plan.c.userId).order_by(plan.c.id).limit(PAGE + 1)
    if after is not None:
        listed = listed.where(plan.c.id > after)
    some = listed.subquery("some")
    latest = (
        select(plan_generation.c.jobId, plan_generation.c.createdAt)
        .where(plan_generation.c.planId == some.c.id)
        .order_by(plan_generation.c.createdAt.desc(), plan_generation.c.jobId.desc())
        .limit(1)
        .lateral("latest")
    )
    statement = (
        select(
            some.c.id, some.c.topic, user.c.subject, cast(user.c.tier, Text), latest.c.jobId, latest.c.createdAt, job.c.status
        )
        .select_from(
            some.join(user, user.c.id == some.c.userId).outerjoin(latest, true()).outerjoin(job, job.c.id == latest.c.jobId)
        )
        .order_by(some.c.id)
    )
    lines = []
    for plan_id, topic, subject, tier, latest_id, at, status in await connection.execute(statement):
        generations = [] if latest_id is None else [Generation(latest_id, JobStatus(status))]
        lines.append(Line(plan_id, topic, subject, tier, derive(generations).status, latest_id, at))
    return lines


def _whole() -> Select[Any]:
    return select(
        plan.c.id.label("id"),
        user.c.subject.label("subject"),
        cast(user.c.tier, Text).label("tier"),
        plan.c.topic.label("topic"),
        cast(plan.c.skillLevel, Text).label("skill_level"),
        plan.c.weeklyHours.label("weekly_hours"),
        cast(plan.c.learningStyle, Text).label("learning_style"),
        plan.c.startDate.label("start_date"),
        plan.c.deadlineDate.label("deadline_date"),
        plan.c.notes.label("notes"),
    ).select_from(plan.join(user, user.c.id == plan.c.userId))


async def _find(connection: AsyncConnection, plan_id: str) -> Whole | None:
    row = (await connection.execute(_whole().where(plan.c.id == plan_id))).mappings().one_or_none()
    return None if row is None else Whole(**row)


async def _history(connection: AsyncConnection, plan_id: str) -> list[Past]:
    """The plan's latest jobs, newest first."""
    statement = (
        select(job.c.id, job.c.status, job.c.createdAt, job.c.completedAt, plan_generation.c.overrides)
        .select_from(plan_generation.join(job, job.c.id == plan_generation.c.jobId))
        .where(plan_generation.c.planId == plan_id)
        .order_by(plan_generation.c.createdAt.desc(), plan_generation.c.jobId.desc())
        .limit(HISTORY)
    )
    rows = await connection.execute(statement)
    return [Past(row[0], JobStatus(row[1]), row[2], row[3], row[4]) for row in rows]
