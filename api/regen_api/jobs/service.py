"""What the routes and the console ask of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from regen_api.jobs import creation, queries
from regen_api.jobs.queue import going_on, queues
from regen_api.plans import queries as plan_queries
from regen_api.plans.snapshot import JOB_TYPE
from regen_api.problems import conflict
from regen_core.states import JobStatus
from regen_schema.tables import job, plan_generation

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from regen_api.cursor import Cursor
    from regen_api.database import Database
    from regen_api.jobs.views import Event, Job, JobPage, JobSummary, Output
    from regen_api.principal import Principal


class Jobs:
    """Every method raises ``DatabaseUnavailable`` where the database does not answer in time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: creation.NewJob) -> creation.Made:
        """Makes a PENDING row. Where it repeats a plan's job, it is that plan's job too.

        Raises:
            Problem: 409 where ``retry_of`` is no ended job, or another request used the key.
        """
        async with self._database.writing() as connection:
            plan_id = None if new.retry_of is None else await _plan_of_ended(connection, new.retry_of)
            of_plan_request = exists().where(plan_generation.c.jobId == job.c.id, plan_generation.c.overrides.is_not(None))
            made = await creation.make(connection, new, creation.same_row(new) & ~of_plan_request)
            if made.is_new and plan_id is not None and new.instruction["type"] == JOB_TYPE:
                await plan_queries.record(connection, made.accepted.id, plan_id, None)
        return made

    async def page(self, wanted: queries.Filter, cursor: Cursor | None, limit: int) -> JobPage:
        """A page of the list, newest first."""
        async with self._database.reading() as connection:
            return await queries.page(connection, wanted, cursor, limit)

    async def find(self, job_id: str, caller: Principal | None = None) -> Job | None:
        """One job, if ``caller`` may see it; None for a caller is for those who have asked already."""
        async with self._database.reading() as connection:
            found = await queries.find(connection, job_id, None if caller is None or caller.is_admin else caller.subject)
            if found is None or found.status is not JobStatus.PENDING:
                return found
            waits = (await queues(connection, [job_id])).get(job_id)
        return found.model_copy(update={"waiting": waits})

    async def going_on(self, limit: int) -> list[JobSummary]:
        """What ended within the last minute, what runs, and the head of the queue; ``limit`` of the first and the last."""
        async with self._database.reading() as connection:
            return await going_on(connection, limit)

    async def events(self, job_id: str) -> list[Event]:
        """A job's audit trail, oldest first."""
        async with self._database.reading() as connection:
            return await queries.events(connection, job_id)

    async def may_see(self, job_id: str, caller: Principal) -> bool:
        """Whether the job exists, and the caller is an admin, asked for it, or owns the plan that it regenerates."""
        async with self._database.reading() as connection:
            return await queries.may_see(connection, job_id, None if caller.is_admin else caller.subject)

    async def find_output(self, job_id: str, name: str) -> Output | None:
        """One output of a job."""
        async with self._database.reading() as connection:
            return await queries.find_output(connection, job_id, name)

    async def manifest_ref(self, job_id: str) -> str | None:
        """Where a COMPLETED job's manifest lies."""
        async with self._database.reading() as connection:
            return await queries.manifest_ref(connection, job_id)


async def _plan_of_ended(connection: AsyncConnection, job_id: str) -> str | None:
    """The plan of the job to be repeated, if it has one."""
    status = (await connection.execute(select(job.c.status).where(job.c.id == job_id))).scalar_one_or_none()
    if status is None or not JobStatus(status).is_terminal:
        raise conflict("retry-refused", "retryOf: expected the id of a job that has ended")
    return await plan_queries.plan_of(connection, job_id)
