"""What the routes and the console ask of plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists

from regen_api.jobs import creation
from regen_api.jobs import queries as job_queries
from regen_api.plans import queries
from regen_api.plans.priority import PriorityRules, priority
from regen_api.plans.snapshot import instruction
from regen_api.plans.state import PlanStatus, derive
from regen_api.plans.views import PlanState, ReadyOutput, Reason, Regenerating
from regen_api.problems import not_found
from regen_schema.tables import job, plan_generation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from regen_api.database import Database
    from regen_api.jobs.views import Job
    from regen_api.plans.overrides import Overrides
    from regen_api.settings import Settings


class Plans:
    """Every method raises ``DatabaseUnavailable`` where the database does not answer in time.

    ``on_made`` is called once for each new row, after its commit.
    """

    def __init__(self, database: Database, settings: Settings, on_made: Callable[[], None]) -> None:
        self._database = database
        self._on_made = on_made
        self._rules = PriorityRules(settings.tier_priorities, settings.priority_topics, settings.priority_topic_bonus)

    async def regenerate(self, plan_id: str, subject: str, overrides: Overrides, key: str | None) -> tuple[Regenerating, bool]:
        """Makes a job of the plan as it is now and the overrides; answers it and whether it is new.

        Raises:
            Problem: 404 for an unknown user, an unknown plan or someone else's; 400 and 409 as ``snapshot.instruction``;
                409 where another request used the key.
        """
        async with self._database.writing() as connection:
            plan = await queries.find(connection, plan_id, subject)
            if plan is None:
                raise not_found("plan")
            row_key = creation.namespaced(subject, key)
            same = _same_request(plan_id, overrides)
            # First, because the plan may have changed since: a repeat is answered alike whatever it holds now.
            made = await creation.repeated(connection, row_key, same)
            if made is None:
                whole = creation.checked_instruction(instruction(plan.input, overrides))
                urgency = priority(self._rules, plan.tier, whole["inputs"]["topic"])
                new = creation.NewJob(instruction=whole, requested_by=subject, priority=urgency, key=row_key)
                made = await creation.make(connection, new, same)
                if made.is_new:
                    await queries.record(connection, made.accepted.id, plan_id, overrides)
        if made.is_new:
            self._on_made()
        return Regenerating(generation_id=made.accepted.id, plan_id=plan_id), made.is_new

    async def state(self, plan_id: str, subject: str) -> PlanState:
        """How it stands with a plan of the subject's.

        Raises:
            Problem: 404 for an unknown user, an unknown plan or someone else's.
        """
        async with self._database.reading() as connection:
            if await queries.find(connection, plan_id, subject) is None:
                raise not_found("plan")
            state = derive(await queries.generations(connection, plan_id))
            latest = await _job(connection, state.latest)
            ready = latest if state.ready == state.latest else await _job(connection, state.ready)
        return PlanState(
            plan_id=plan_id,
            status=state.status,
            generation_id=state.latest,
            requested_at=None if latest is None else latest.created_at,
            reason=_reason(latest.error) if latest is not None and state.status is PlanStatus.FAILED else None,
            output=None
            if ready is None or ready.completed_at is None
            else ReadyOutput(generation_id=ready.id, completed_at=ready.completed_at, files=ready.outputs),
        )


def _same_request(plan_id: str, overrides: Overrides) -> ColumnElement[bool]:
    """Whether a job was made by this request: for the same plan with the same overrides, however the plan has changed."""
    return exists().where(
        plan_generation.c.jobId == job.c.id,
        plan_generation.c.planId == plan_id,
        plan_generation.c.overrides == dict(overrides),
    )


async def _job(connection: AsyncConnection, job_id: str | None) -> Job | None:
    return None if job_id is None else await job_queries.find(connection, job_id)


def _reason(error: Any) -> Reason:
    """Of ``errorJson``, which may be anything in a row from before regen."""
    fields = error if isinstance(error, dict) else {}
    return Reason(
        classification=fields.get("classification"), message=fields.get("message"), retryable=fields.get("retryable") is True
    )
