"""The API's side of PostgreSQL: SQLAlchemy's async engine on psycopg, as a login of role ``regen_api``.

Every statement has a deadline on the server and on this side. Reads are single statements without a transaction; the one
write (a PENDING row and what belongs to it) is a transaction.
"""

from __future__ import annotations

import asyncio
import select
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from sqlalchemy import event, exc, text
from sqlalchemy.ext.asyncio import create_async_engine

from regen_core.errors import DatabaseUnavailable
from regen_schema.connection import PIN_TRANSACTION, connection_string, has_own_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import AdaptedConnection
    from sqlalchemy.ext.asyncio import AsyncConnection

_RECYCLE_SECONDS = 1800


class Database:
    """A pool. Where the database cannot be reached in time, every use raises ``DatabaseUnavailable``; it may be tried again."""

    def __init__(self, url: str, *, pool_size: int, timeout_seconds: float) -> None:
        self._conninfo = connection_string(
            url, variable="REGEN_DATABASE_URL", timeout_seconds=timeout_seconds, application_name="regen-api"
        )
        self._timeout = timeout_seconds
        self._engine = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self._connect,  # SQLAlchemy never sees the URL: a libpq string of any form will do
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=timeout_seconds,
            pool_recycle=_RECYCLE_SECONDS,
            isolation_level="AUTOCOMMIT",  # the mode of most uses, which then need not change it
            execution_options={"schema_translate_map": {None: "public"}},  # no name resolves by the search path
        )
        event.listen(self._engine.sync_engine, "checkout", self._checked)
        self._writer = self._engine.execution_options(isolation_level="READ COMMITTED")
        self._reader = self._engine
        if has_own_options("REGEN_DATABASE_URL", url):
            # Behind a pooler, which refuses start-up options: every use is a transaction that begins by pinning the session.
            self._reader = self._writer
            event.listen(self._engine.sync_engine, "begin", _pin)
        self.last_success: float | None = None
        """``time.monotonic()`` of the last use that the database answered."""

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reads, each statement by itself."""
        async with self._bounded(), self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, committed at the end; read committed, so that a statement sees what won a race."""
        async with self._bounded(), self._writer.begin() as connection:
            yield connection

    async def ping(self) -> None:
        """Asks for an answer."""
        async with self.reading() as connection:
            await connection.execute(text("SELECT 1"))

    def _checked(self, connection: AdaptedConnection, *_: object) -> None:
        """Lets no caller have a connection that the server has closed since its last use, and asks the server only where it
        must: one that is at its end, or says anything between two statements, makes the socket readable.
        """
        try:
            socket = select.poll()
            socket.register(connection.driver_connection.fileno(), select.POLLIN)
            if socket.poll(0):
                self._engine.dialect.do_ping(cast("Any", connection))
        except psycopg.Error as error:
            raise exc.InvalidatePoolError from error

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        # Prepared statements do not survive transaction poolers.
        connection = await psycopg.AsyncConnection.connect(self._conninfo, prepare_threshold=None)
        await connection.set_read_only(False)  # in every BEGIN, whatever the server's default
        return connection

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """A deadline over pool, connection and statements, and errors by what the caller does next."""
        try:
            async with asyncio.timeout(self._timeout * 2):
                yield
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise _unavailable(error.__cause__ or error) from error
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError, OSError) as error:
            raise _unavailable(error) from error
        self.last_success = time.monotonic()


def _pin(connection: Connection) -> None:
    connection.exec_driver_sql(PIN_TRANSACTION)


def _unavailable(error: BaseException) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"database: expected an answer in time, got {type(error).__name__}")
