"""Database errors as a person needs them: one line, and what to do."""

from __future__ import annotations

import psycopg
from psycopg import errors

from regen_core.errors import DatabaseUnavailable
from regen_schema.refusal import SchemaRefused

_CANNOT_CONNECT = {"08", "28", "3D", "57"}
"""SQLSTATE classes: connection, authorization, no such database, operator intervention."""


def explained(error: BaseException) -> BaseException:
    """The error to raise in place of ``error``: one that names the way out, or ``error`` itself where none is known."""
    match error:
        case errors.LockNotAvailable():
            return SchemaRefused(
                "migration: expected to get its lock in time, but others hold it; nothing was changed; "
                "run again at a quieter moment, or raise REGEN_MIGRATE_LOCK_TIMEOUT (seconds)"
            )
        case errors.InsufficientPrivilege():
            return SchemaRefused(f"database: expected a login with more rights; nothing was changed: {_first_line(error)}")
        case psycopg.OperationalError() if error.sqlstate is None or error.sqlstate[:2] in _CANNOT_CONNECT:
            return DatabaseUnavailable(f"REGEN_DATABASE_URL: expected a database that answers, got: {_first_line(error)}")
        case psycopg.ProgrammingError() if error.sqlstate is None:
            # libpq's own message quotes what it could not parse, and that may be a piece of the password
            return SchemaRefused("REGEN_DATABASE_URL: expected a libpq connection string, got one that libpq cannot parse")
        case _:
            return error


def _first_line(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip().splitlines()[0]
