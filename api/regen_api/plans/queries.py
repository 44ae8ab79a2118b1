"""Reading plans, each for the subject that owns it. The tables may be the application's: only named columns are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, select
from sqlalchemy.dialects.postgresql import insert

from regen_api.plans.snapshot import PlanInput
from regen_api.plans.state import Generation
from regen_core.states import JobStatus
from regen_schema.tables import job, plan, plan_generation, user

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from regen_api.plans.overrides import Overrides

_HISTORY = 200
"""How many jobs of a plan are looked at for one that has outputs."""


@dataclass(frozen=True, slots=True)
class OwnPlan:
    """A plan and its owner's tier."""

    id: str
    tier: str
    input: PlanInput


async def find(connection: AsyncConnection, plan_id: str, subject: str) -> OwnPlan | None:
    """The plan, if the user of that subject owns it; None for an unknown user, an unknown plan and someone else's alike."""
    statement = (
        select(
            cast(user.c.tier, Text).label("tier"),
            plan.c.topic.label("topic"),
            cast(plan.c.skillLevel, Text).label("skill_level"),
            plan.c.weeklyHours.label("weekly_hours"),
            cast(plan.c.learningStyle, Text).label("learning_style"),
            plan.c.startDate.label("start_date"),
            plan.c.deadlineDate.label("deadline_date"),
            plan.c.notes.label("notes"),
        )
        .select_from(plan.join(user, user.c.id == plan.c.userId))
        .where(plan.c.id == plan_id, user.c.subject == subject)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    columns = dict(row)
    return OwnPlan(plan_id, columns.pop("tier"), PlanInput(**columns))


async def generations(connection: AsyncConnection, plan_id: str) -> list[Generation]:
    """The plan's latest jobs, newest first."""
    return [Generation(row.id, JobStatus(row.status)) for row in await connection.execute(generations_statement(plan_id))]


def generations_statement(plan_id: str) -> Select[Any]:
    """The ids and statuses of the plan's latest jobs, newest first."""
    return (
        select(job.c.id, job.c.status)
        .select_from(plan_generation.join(job, job.c.id == plan_generation.c.jobId))
        .where(plan_generation.c.planId == plan_id)
        .order_by(plan_generation.c.createdAt.desc(), plan_generation.c.jobId.desc())
        .limit(_HISTORY)
    )


async def plan_of(connection: AsyncConnection, job_id: str) -> str | None:
    """The plan that a job regenerates."""
    statement = select(plan_generation.c.planId).where(plan_generation.c.jobId == job_id)
    return (await connection.execute(statement)).scalar_one_or_none()


async def record(connection: AsyncConnection, job_id: str, plan_id: str, overrides: Overrides | None) -> None:
    """Says that ``job_id``, made in this transaction, regenerates ``plan_id``."""
    values = {"jobId": job_id, "planId": plan_id} | ({} if overrides is None else {"overrides": dict(overrides)})
    await connection.execute(insert(plan_generation).values(values))
