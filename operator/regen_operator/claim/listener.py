"""Wakes the claim when rows change: LISTEN on a connection of its own, with the poll of dispatcher.py underneath.

A notification is a hint; its payload is not read. Sharing the connection with queries would delay the wake-up by a second,
and a transaction pooler would lose it altogether, so the listener proves itself with a notification of its own at start.
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
"""For what makes the socket readable and is no notification."""


class Listener:
    """Calls ``wake`` after every notification and after every reconnect."""

    def __init__(
        self,
        url: str,
        wake: Callable[[], None],
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
        self._wake = wake
        self._timeout = timeout_seconds
        self._proof_seconds = proof_seconds
        self._echo_seconds = echo_seconds
        self.proven: bool | None = None
        """Whether our own notification arrived; None while that is not known."""
        self._echo: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Listens until cancelled; a lost connection is made anew, with a growing pause."""
        pause = 0.2
        while True:
            try:
                await self._session()
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("listener lost its connection", error=type(error).__name__, again_in=pause)
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
            # What came while nobody listened is found by looking, not by a notification.
            self._hit()
            async with self._deadline():
                await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, PROOF))
            await self._prove(connection)
            while True:
                if not await _readable(connection):
                    # A silent connection is asked now and then whether it still lives.
                    async with self._deadline():
                        await connection.execute("SELECT 1")
                # What came along with that answer is kept, and handed out without a wait.
                async for notification in connection.notifies(timeout=READ_SECONDS, stop_after=1):
                    self._received(notification)
                raise_if_cancelled()

    def _deadline(self) -> asyncio.Timeout:
        """Over a statement: the server's own deadline is of no use where the server or a pooler no longer answers at all."""
        return asyncio.timeout(self._timeout * 1.5)

    async def _prove(self, connection: psycopg.AsyncConnection) -> None:
        async for notification in connection.notifies(timeout=self._proof_seconds):
            self._received(notification)
            if self.proven:
                log.info("listening", channel=CHANNEL)
                return
        self.proven = False
        log.error(
            "no notification arrives: REGEN_DATABASE_LISTEN_URL must reach PostgreSQL itself, not a transaction pooler; "
            "jobs are found by polling alone",
            channel=CHANNEL,
        )

    def _received(self, notification: psycopg.Notify) -> None:
        if notification.payload == PROOF:
            self.proven = True
        else:
            self._hit()

    def _hit(self) -> None:
        self._wake()
        # Of inserts that commit together one speaks for all, and a later one may have been missed: look once more.
        if self._echo is None:
            self._echo = asyncio.get_running_loop().call_later(self._echo_seconds, self._again)

    def _again(self) -> None:
        self._echo = None
        self._wake()


async def _readable(connection: psycopg.AsyncConnection) -> bool:
    """Whether the server said something within ``SILENCE_SECONDS``.

    psycopg's own wait for notifications wakes ten times a second, which would be a quarter of an idle operator's CPU.
    """
    loop = asyncio.get_running_loop()
    said = asyncio.Event()
    descriptor = connection.fileno()
    loop.add_reader(descriptor, said.set)
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            await said.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True
