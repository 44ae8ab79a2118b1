"""The runner's three calls of the database (docs/contract.md#database): take the fence, complete, fail.

One connection per call: a pod makes two or three calls, minutes apart, and an idle connection is one that a failover or a
pooler breaks. Connecting takes ``CONNECT_SECONDS`` at the most for each address of the server, and what the resolver takes for
its name; from then on every call ends within ``CALL_SECONDS`` whatever the server, the pooler or the network does.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from regen_core.errors import DatabaseUnavailable, RegenError
from regen_schema.connection import PIN_TRANSACTION, connection_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_core.states import Complete, FailRun, Start

CONNECT_SECONDS: Final = 10
STATEMENT_SECONDS: Final = 15
CALL_SECONDS: Final = STATEMENT_SECONDS + 10
"""After which the connection is cut from our side: a statement timeout does not help where the server itself hangs."""

_STATEMENT_TIMEOUT: Final[LiteralString] = ", set_config('statement_timeout', %s, true)"
_CONNECTION: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_SECONDS,
    "client_encoding": "UTF8",
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds: unacknowledged data means a dead peer
}


class DatabaseRefused(RegenError):
    """The database answered and will answer the same again: a grant, a function or a type is missing."""


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """What ``regen_start_v1`` said; ``instruction`` is a JSON value, present with outcome ``started`` only."""

    outcome: str
    instruction: Any


class RunnerDatabase:
    """The calls, each made once; whoever calls decides whether to ask again.

    Every method raises ``DatabaseUnavailable`` where the same call may be tried again, the lost answer included (the
    functions answer an exact repeat alike), and ``DatabaseRefused`` where it may not.
    """

    def __init__(self, url: str, application_name: str) -> None:
        """Checks ``url`` without connecting.

        Raises:
            SettingsInvalid: ``url`` is no connection URL; its text is not repeated, since it holds a password.
        """
        given = connection_parameters("REGEN_DATABASE_URL", url)
        self._parameters = {**_CONNECTION, "application_name": application_name, **given}

    def start(self, start: Start) -> StartAnswer:
        """Asks for the fence."""
        row = self._row(
            'SELECT outcome, "instructionJson" FROM public.regen_start_v1(%s::text, %s::text, %s::text, %s::text)',
            (start.job_id, start.pod_uid, start.pod_name, start.nonce),
        )
        return StartAnswer(outcome=str(row[0]), instruction=row[1])

    def complete(self, complete: Complete) -> str:
        """Makes the objects in the store an output: ``completed``, ``already`` or ``refused``."""
        outputs = Jsonb([row.as_json() for row in complete.outputs])
        row = self._row(
            "SELECT public.regen_complete_v1(%s::text, %s::text, %s::text, %s::jsonb)",
            (complete.job_id, complete.nonce, complete.output_ref, outputs),
        )
        return str(row[0])

    def fail(self, fail: FailRun) -> str:
        """Ends the job with an error: ``failed``, ``already`` or ``refused``."""
        row = self._row(
            "SELECT public.regen_fail_run_v1(%s::text, %s::text, %s::jsonb)",
            (fail.job_id, fail.nonce, Jsonb(fail.error.as_json())),
        )
        return str(row[0])

    def _row(self, statement: str, parameters: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            with self._connection() as connection, connection.transaction():
                # Not a start-up option: poolers refuse those.
                connection.execute(PIN_TRANSACTION + _STATEMENT_TIMEOUT, (f"{STATEMENT_SECONDS}s",))
                row = connection.execute(statement, parameters).fetchone()
        except psycopg.Error as error:
            raise _classified(error) from error
        if row is None:
            msg = "database: expected one row from a regen function, got none"
            raise DatabaseRefused(msg)
        return row

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        connection = psycopg.connect(**self._parameters, row_factory=tuple_row, autocommit=True, prepare_threshold=None)
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # in each BEGIN, whatever the server's default
        connection.read_only = False
        watchdog = threading.Timer(CALL_SECONDS, _hang_up, (connection.fileno(),))
        watchdog.daemon = True
        watchdog.start()
        try:
            yield connection
        finally:
            watchdog.cancel()
            watchdog.join()  # or it might shut down whoever gets the descriptor next
            connection.close()


def _hang_up(descriptor: int) -> None:
    """Shuts the socket down, so that the call that waits on it sees the end of the stream."""
    with contextlib.suppress(OSError), socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


def _classified(error: psycopg.Error) -> RegenError:
    """Whether the same call may be tried again.

    ``OperationalError`` holds the connection's own failures and SQLSTATE classes 08, 40, 53, 55 and 57 (PostgreSQL
    documentation, appendix A); 25006 is a former primary after a failover. A wrong password counts as unavailable too:
    it is what a rotation looks like for a while.
    """
    summary = str(error).strip().partition("\n")[0]
    state = error.sqlstate
    again = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
    if isinstance(error, again):
        return DatabaseUnavailable(f"database: expected an answer, got {summary}", sqlstate=state)
    return DatabaseRefused(f"database: expected an answer, got {summary}", sqlstate=state)
