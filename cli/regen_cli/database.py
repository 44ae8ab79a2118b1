"""The command line's database connection, with a deadline on every call.

Each statement runs in its own transaction except within ``snapshot``, and read-only except for the insert. Timeouts are set
inside the transaction because connection poolers reject them as start-up options. An alarm ends the wait for a frozen server.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, LiteralString, Self

import psycopg
from psycopg.rows import tuple_row

from regen_core.errors import DatabaseUnavailable, RegenError, SettingsInvalid, ValidationFailed
from regen_core.names import CHANNEL
from regen_schema import sqlstates
from regen_schema.connection import PIN_TRANSACTION, connection_parameters
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
    "client_encoding": "UTF8",
    "application_name": "regen",
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
_PERMANENT: Final = (
    "password authentication failed",
    "no password supplied",
    "does not exist",  # database or role
    "no pg_hba.conf entry",
    "could not translate host name",
    "failed to resolve host",
)
"""Parts of libpq's connection errors that retrying cannot fix. libpq reports no SQLSTATE for a failed connection."""
_REFUSED_VALUES: Final = {sqlstates.UNCLEAN_INSERT, sqlstates.INVALID_ARGUMENT}


class Database:
    """Use as a context manager, in the main thread.

    Every method raises ``DatabaseUnavailable`` if the call can be tried again.
    """

    def __init__(self, url: str, *, statement_seconds: float = DEFAULT_STATEMENT_SECONDS) -> None:
        """Check ``url`` without connecting.

        Raises:
            SettingsInvalid: ``url`` is not a connection string. The message does not repeat it: it can contain a password.
        """
        self._parameters = {**_CONNECTION, **connection_parameters("REGEN_DATABASE_URL", url)}
        self._seconds = statement_seconds
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Read ``REGEN_DATABASE_URL`` and ``REGEN_DATABASE_TIMEOUT_SECONDS``.

        Raises:
            SettingsInvalid: one of them is missing or invalid.
        """
        url = os.environ.get("REGEN_DATABASE_URL", "")
        if not url:
            msg = "REGEN_DATABASE_URL is not set. Set it to a connection string such as postgresql://user@host/database."
            raise SettingsInvalid(msg)
        text = os.environ.get("REGEN_DATABASE_TIMEOUT_SECONDS") or str(DEFAULT_STATEMENT_SECONDS)
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0.1 <= seconds <= 86_400:
            msg = f"REGEN_DATABASE_TIMEOUT_SECONDS must be a number of seconds from 0.1 to 86400, not {text!r}."
            raise SettingsInvalid(msg)
        return cls(url, statement_seconds=seconds)

    def __enter__(self) -> Self:
        with (
            _translated("cannot connect to PostgreSQL", " Check REGEN_DATABASE_URL."),
            _alarm(CONNECT_SECONDS + _SLACK_SECONDS),
        ):
            self._connection = psycopg.connect(
                **self._parameters, row_factory=tuple_row, autocommit=True, prepare_threshold=None
            )
            self._connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection is not None:
            self._connection.close()

    def named(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a query in ``queries/``."""
        return self.read(QUERIES[name], parameters)

    def read(self, statement: LiteralString, parameters: Mapping[str, Any], /) -> list[tuple[Any, ...]]:
        """Return all rows of a statement, in a read-only transaction."""
        return self._run(statement, parameters, read_only=True)

    def write(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a query in ``queries/`` that writes."""
        return self._run(QUERIES[name], parameters, read_only=False)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Run every statement of the block in one snapshot. Each statement keeps its own deadline."""
        self._command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            with suppress(RegenError):  # nothing was written, and the error that ended the block is the one to report
                self._command("ROLLBACK")

    def listen(self) -> None:
        """Start LISTEN. Behind a transaction pooler no notification arrives, and ``wait`` returns after its own time."""
        self._command(f"LISTEN {CHANNEL}")

    def wait(self, seconds: float) -> None:
        """Return shortly after the next notification, or after ``seconds``.

        The short delay lets one read serve a burst of notifications.
        """
        with _translated("the connection to PostgreSQL was lost"):
            for _ in self._open.notifies(timeout=seconds, stop_after=1):
                time.sleep(_REST_SECONDS)

    def _command(self, text: LiteralString) -> None:
        with _translated(f"{text} failed"), _alarm(self._seconds + _SLACK_SECONDS):
            self._open.execute(text)

    @property
    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None:
            msg = "Database must be entered before it is used"
            raise RuntimeError(msg)
        return self._connection

    def _run(self, statement: LiteralString, parameters: Mapping[str, Any], *, read_only: bool) -> list[tuple[Any, ...]]:
        milliseconds = str(round(self._seconds * 1000))
        with (
            _translated("the query failed"),
            _alarm(self._seconds * 2 + _SLACK_SECONDS),
            self._open.transaction(),
        ):
            self._open.execute(
                PIN_TRANSACTION
                + """, set_config('statement_timeout', %(ms)s, true), set_config('lock_timeout', %(ms)s, true),
                       set_config('transaction_read_only', %(read_only)s, true)""",
                {"ms": milliseconds, "read_only": "on" if read_only else "off"},
            )
            return self._open.execute(statement, parameters).fetchall()


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise TimeoutError after ``seconds``. libpq alone would wait for a frozen server forever."""

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
def _translated(failed: str, advice: str = "") -> Iterator[None]:
    """Translate psycopg errors by what the caller does next.

    Args:
        failed: what failed, the start of every message.
        advice: what to do if the connection fails.
    """
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        msg = f"{failed}: it did not finish in time. Raise REGEN_DATABASE_TIMEOUT_SECONDS (default 30)."
        raise DatabaseUnavailable(msg) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedObject) as error:
        msg = f"{failed}: regen's schema is missing or old: {_first_line(error)}. Run `regen migrate`."
        raise RegenError(msg) from error
    except psycopg.errors.InsufficientPrivilege as error:
        msg = (
            f"{failed}: {_first_line(error)}. `regen trigger` needs the role regen_api, `regen purge` "
            "regen_retention, every other command regen_readonly."
        )
        raise RegenError(msg) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise _refused(failed, error, advice) from error
    except TimeoutError as error:
        raise DatabaseUnavailable(f"{failed}: the server did not respond in time") from error
    except UnicodeEncodeError as error:
        raise ValidationFailed(f"{failed}: a value contains a lone surrogate, which UTF-8 cannot encode") from error
    except (ValueError, RecursionError) as error:
        # A row older than the guard of inserts. The parser's message names neither cause.
        msg = (
            f"{failed}: a row has JSON that Python cannot read: an integer over 4300 digits, or nesting over a thousand levels"
        )
        raise RegenError(msg) from error
    except psycopg.Error as error:
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError) or error.sqlstate in _REFUSED_VALUES:
            raise ValidationFailed(f"the database rejected a value: {_first_line(error)}") from error
        raise RegenError(f"{failed}: {_first_line(error)}") from error


def _refused(failed: str, error: psycopg.Error, advice: str) -> RegenError:
    """Return ``SettingsInvalid`` for what retrying cannot fix (password, database name, host name), else unavailable."""
    cause = _first_line(error)
    if error.sqlstate is None and any(text in cause for text in _PERMANENT):
        return SettingsInvalid(f"{failed}: {cause}.{advice}")
    return DatabaseUnavailable(f"{failed}: {cause}.{advice}" if advice else f"{failed}: {cause}")


def _first_line(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip().partition("\n")[0] or type(error).__name__
