"""LISTENs for changes of rows on a connection of its own. The dispatcher also polls, in case a notification is lost.

A notification is a hint; its payload is not read. A connection shared with queries would delay notifications by a second, and
a transaction pooler would drop them, so at its start the listener sends a notification to itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import structlog
from psycopg import sql

from regen_core.names import CHANNEL
from regen_operator.rows.cancellation import raise_if_cancelled
from regen_schema.connection import connection_string

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger("regen.listener")

PROOF = "listener-proof"
SILENCE_SECONDS = 30.0
READ_SECONDS = 0.05
"""Read timeout for data that makes the socket readable and is no notification."""


class Listener:
    """Calls ``notified`` after every notification and after every reconnect."""

    def __init__(
        self,
        url: str,
        notified: Callable[[], None],
        *,
        timeout_seconds: float,
        proof_seconds: float = 5.0,
        echo_seconds: float = 0.02,
    ) -> None:
        self._conninfo = connection_string(
            url,
            variable="REGEN_DATABASE_LISTEN_URL",
            timeout_seconds=timeout_seconds,
            application_name="regen-operator-listen",
        )
        self._notified = notified
        self._timeout = timeout_seconds
        self._proof_seconds = proof_seconds
        self._echo_seconds = echo_seconds
        self.proven: bool | None = None
        """Whether the listener's own notification arrived; None until that is known."""
        self._echo: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Listens until cancelled. Reconnects with backoff."""
        pause = 0.2
        while True:
            try:
                await self._session()
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("listener disconnected, will reconnect", error=type(error).__name__, retry_in=pause)
            raise_if_cancelled()
            await asyncio.sleep(pause)
            pause = 0.2 if self.proven else min(pause * 2, 5.0)

    async def _session(self) -> None:
        self.proven = None
        async with asyncio.timeout(self._timeout * 2):
            connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with connection:
            async with self._deadline():
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            # Changes before the LISTEN were not notified.
            self._notify()
            async with self._deadline():
                await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, PROOF))
            await self._prove(connection)
            while True:
                if not await _readable(connection):
                    # Check that a silent connection still works.
                    async with self._deadline():
                        await connection.execute("SELECT 1")
                # psycopg keeps notifications that arrive with the response and yields them without waiting.
                async for notification in connection.notifies(timeout=READ_SECONDS, stop_after=1):
                    self._received(notification)
                raise_if_cancelled()

    def _deadline(self) -> asyncio.Timeout:
        """A client-side deadline: the statement timeout does not help if the server or a pooler no longer responds."""
        return asyncio.timeout(self._timeout * 1.5)

    async def _prove(self, connection: psycopg.AsyncConnection) -> None:
        async for notification in connection.notifies(timeout=self._proof_seconds):
            self._received(notification)
            if self.proven:
                log.info("listener connected", channel=CHANNEL)
                return
        self.proven = False
        log.error(
            "listener receives no notifications, jobs are found only by polling",
            channel=CHANNEL,
            action="set REGEN_DATABASE_LISTEN_URL to PostgreSQL itself, not to a transaction pooler",
        )

    def _received(self, notification: psycopg.Notify) -> None:
        if notification.payload == PROOF:
            self.proven = True
        else:
            self._notify()

    def _notify(self) -> None:
        self._notified()
        # Inserts that commit at the same time share a notification, which may arrive before the last is visible: call twice.
        if self._echo is None:
            self._echo = asyncio.get_running_loop().call_later(self._echo_seconds, self._notify_again)

    def _notify_again(self) -> None:
        self._echo = None
        self._notified()


async def _readable(connection: psycopg.AsyncConnection) -> bool:
    """Whether the server sent data within ``SILENCE_SECONDS``.

    psycopg's own wait for notifications wakes up ten times a second: a quarter of an idle operator's CPU.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    descriptor = connection.fileno()
    loop.add_reader(descriptor, readable.set)
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            await readable.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True
