"""The database as the command line sees it: one connection, and a deadline on everything.

Each statement is a transaction of its own, but within ``snapshot``, and read-only but for the one insert. Time-outs are set
inside it, since poolers refuse them as start-up options; where the server itself hangs, an alarm ends the wait.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, LiteralString, Self

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from regen_core.errors import DatabaseUnavailable, RegenError, SettingsInvalid, ValidationFailed
from regen_core.names import CHANNEL
from regen_schema import sqlstates
from regen_schema.connection import connection_parameters
from regen_schema.sql import script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType, TracebackType

QUERIES: Final[Mapping[str, LiteralString]] = {
    name: script(f"queries/{name}.sql", "regen_cli").text
    for name in (
        *("insert", "by_key", "page", "states", "orphans"),
        *("export", "export_job"),
        *("purge_before", "purge_count", "purge_page", "purge", "purged"),
    )
} | {"current": script("current.sql").text, "waiting": script("waiting.sql").text}

CONNECT_SECONDS: Final = 10
DEFAULT_STATEMENT_SECONDS: Final = 30.0
_SLACK_SECONDS: Final = 5.0
_REST_SECONDS: Final = 0.1

_CONNECTION: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "regen",
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
_REFUSED_VALUES: Final = {sqlstates.UNCLEAN_INSERT, sqlstates.INVALID_ARGUMENT}


class Database:
    """Use as a context manager, in the main thread.

    Every method raises ``DatabaseUnavailable`` where the same call may be tried again.
    """

    def __init__(self, url: str, *, statement_seconds: float = DEFAULT_STATEMENT_SECONDS) -> None:
        """Checks ``url`` without connecting.

        Raises:
            SettingsInvalid: ``url`` is no connection string; its text is not repeated, since it may hold a password.
        """
        self._parameters = {**_CONNECTION, **connection_parameters("REGEN_DATABASE_URL", url)}
        self._seconds = statement_seconds
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """As ``REGEN_DATABASE_URL`` and ``REGEN_DATABASE_TIMEOUT_SECONDS`` say.

        Raises:
            SettingsInvalid: one of them is missing or wrong.
        """
        url = os.environ.get("REGEN_DATABASE_URL", "")
        if not url:
            msg = "REGEN_DATABASE_URL: expected a connection string such as postgresql://user@host/database, got nothing"
            raise SettingsInvalid(msg)
        text = os.environ.get("REGEN_DATABASE_TIMEOUT_SECONDS") or str(DEFAULT_STATEMENT_SECONDS)
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0.1 <= seconds <= 86_400:
            msg = f"REGEN_DATABASE_TIMEOUT_SECONDS: expected seconds from 0.1 to 86400, got {text!r}"
            raise SettingsInvalid(msg)
        return cls(url, statement_seconds=seconds)

    def __enter__(self) -> Self:
        with _translated("REGEN_DATABASE_URL: expected a database that answers"), _alarm(CONNECT_SECONDS + _SLACK_SECONDS):
            self._connection = psycopg.connect(
                **self._parameters, row_factory=tuple_row, autocommit=True, prepare_threshold=None
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()

    def named(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a query in ``sql/cli``."""
        return self.read(QUERIES[name], parameters)

    def read(self, statement: LiteralString, parameters: Mapping[str, Any], /) -> list[tuple[Any, ...]]:
        """All rows of a statement, in a read-only transaction."""
        return self._run(statement, parameters, read_only=True)

    def write(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a query in ``sql/cli`` that inserts."""
        return self._run(QUERIES[name], parameters, read_only=False)

    def as_owner(self, name: str, parameters: Mapping[str, Any], owner: str, *, read_only: bool) -> list[tuple[Any, ...]]:
        """All rows of a query in ``sql/cli`` that only the owner may run; the login must be a member of that role."""
        return self._run(QUERIES[name], parameters, read_only=read_only, role=owner)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Every statement within sees the database as the first one found it; each keeps its own deadline."""
        self._command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            with suppress(RegenError):  # nothing was written, and what ended the block is what is to be told
                self._command("ROLLBACK")

    def listen(self) -> None:
        """Asks to be woken; behind a transaction pooler nobody is, and ``wait`` ends by its own time."""
        self._command(f"LISTEN {CHANNEL}")

    def wait(self, seconds: float) -> None:
        """Returns shortly after the next notification, or after ``seconds``.

        The short rest lets a burst of notifications be answered by one look, and what commits beside the notification be
        seen by it.
        """
        with _translated("database: expected the connection to stay"):
            for _ in self._open.notifies(timeout=seconds, stop_after=1):
                time.sleep(_REST_SECONDS)

    def _command(self, text: LiteralString) -> None:
        with _translated(f"database: expected it to accept {text}"), _alarm(self._seconds + _SLACK_SECONDS):
            self._open.execute(text)

    @property
    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None:
            msg = "Database: expected to be entered before it is asked"
            raise RuntimeError(msg)
        return self._connection

    def _run(
        self, statement: LiteralString, parameters: Mapping[str, Any], *, read_only: bool, role: str | None = None
    ) -> list[tuple[Any, ...]]:
        milliseconds = str(round(self._seconds * 1000))
        with (
            _translated("database: expected an answer"),
            _alarm(self._seconds * 2 + _SLACK_SECONDS),
            self._open.transaction(),
        ):
            self._open.execute(
                """SELECT set_config('statement_timeout', %(ms)s, true), set_config('lock_timeout', %(ms)s, true),
                          set_config('transaction_read_only', %(read_only)s, true)""",
                {"ms": milliseconds, "read_only": "on" if read_only else "off"},
            )
            if role is not None:
                self._open.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            return self._open.execute(statement, parameters).fetchall()


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Ends what is under way after ``seconds``; libpq itself would wait for a frozen server without end."""

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def _translated(expected: str) -> Iterator[None]:
    """Psycopg's errors as ours, by what the caller does next."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        msg = f"{expected} in time, got none; REGEN_DATABASE_TIMEOUT_SECONDS (30 by default) may be raised"
        raise DatabaseUnavailable(msg) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedObject) as error:
        msg = f"database: expected regen's schema, got: {_first_line(error)}; run `regen migrate`"
        raise RegenError(msg) from error
    except psycopg.errors.InsufficientPrivilege as error:
        msg = (
            f"database: expected a login with the role that this needs, got: {_first_line(error)}; "
            "`regen trigger` needs regen_api, `regen purge` a member of regen_owner, everything else regen_readonly"
        )
        raise RegenError(msg) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise DatabaseUnavailable(f"{expected}, got: {_first_line(error)}") from error
    except TimeoutError as error:
        raise DatabaseUnavailable(f"{expected}, got none in time") from error
    except UnicodeEncodeError as error:
        raise ValidationFailed("database: expected text that UTF-8 can hold, got a lone surrogate") from error
    except (ValueError, RecursionError) as error:
        # a row from before the guard of inserts refused it; the parser's own words would name neither
        msg = (
            "database: expected values that Python can read, "
            "got JSON with an integer of more than 4300 digits or with a thousand levels"
        )
        raise RegenError(msg) from error
    except psycopg.Error as error:
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError) or error.sqlstate in _REFUSED_VALUES:
            raise ValidationFailed(f"database: expected values that it takes, got: {_first_line(error)}") from error
        raise RegenError(f"{expected}, got: {_first_line(error)}") from error


def _first_line(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip().partition("\n")[0] or type(error).__name__
