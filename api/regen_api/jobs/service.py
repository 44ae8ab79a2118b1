"""What the routes and the console ask of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regen_api.jobs import creation, queries

if TYPE_CHECKING:
    from regen_api.cursor import Cursor
    from regen_api.database import Database
    from regen_api.jobs.views import Event, Job, JobPage, Output


class Jobs:
    """Every method raises ``DatabaseUnavailable`` where the database does not answer in time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: creation.NewJob) -> creation.Made:
        """Makes a PENDING row; see ``creation.make``."""
        async with self._database.writing() as connection:
            return await creation.make(connection, new)

    async def page(self, wanted: queries.Filter, cursor: Cursor | None, limit: int) -> JobPage:
        """A page of the list, newest first."""
        async with self._database.reading() as connection:
            return await queries.page(connection, wanted, cursor, limit)

    async def find(self, job_id: str) -> Job | None:
        """One job."""
        async with self._database.reading() as connection:
            return await queries.find(connection, job_id)

    async def events(self, job_id: str) -> list[Event]:
        """A job's audit trail, oldest first."""
        async with self._database.reading() as connection:
            return await queries.events(connection, job_id)

    async def requester(self, job_id: str) -> Any:
        """``(requestedBy,)`` of a job, None where there is no such job."""
        async with self._database.reading() as connection:
            return await queries.requester(connection, job_id)

    async def find_output(self, job_id: str, name: str) -> Output | None:
        """One output of a job."""
        async with self._database.reading() as connection:
            return await queries.find_output(connection, job_id, name)
