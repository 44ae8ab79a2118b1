"""Connection strings and session settings, without connecting. No message repeats a string, which can contain a password."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from regen_core.errors import SettingsInvalid

SESSION_OPTIONS: Final[LiteralString] = (
    "-c search_path=pg_catalog,pg_temp"
    " -c default_transaction_isolation=read\\ committed"
    " -c default_transaction_read_only=off"
    " -c default_transaction_deferrable=off"
    " -c datestyle=ISO"
    " -c intervalstyle=postgres"
    " -c timezone=UTC"
    " -c bytea_output=hex"
    " -c extra_float_digits=1"
    " -c standard_conforming_strings=on"
    " -c row_security=off"
)
"""Session variables that every direct connection pins, whatever the database or the login sets by default.

``search_path``: no name resolves in a schema in which other roles can create objects. ``row_security``: a policy that hides
rows from us is an error instead of an empty queue.
"""
PIN_TRANSACTION: Final[LiteralString] = (
    "SELECT set_config('search_path', 'pg_catalog, pg_temp', true),"
    " set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true), set_config('timezone', 'UTC', true),"
    " set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true),"
    " set_config('standard_conforming_strings', 'on', true), set_config('row_security', 'off', true)"
)
"""The same for one transaction, as its first statement behind a pooler, which refuses start-up options.

Callers can append to its target list. ``BEGIN`` sets isolation and access mode.
"""


def connection_parameters(variable: str, text: str) -> dict[str, Any]:
    """Parse ``text``, the value of the environment variable ``variable``: a URL or libpq's ``key=value`` form.

    Raises:
        SettingsInvalid: libpq cannot parse it; the message names only the variable.
    """
    try:
        return conninfo_to_dict(text)
    except (psycopg.Error, ValueError):
        # libpq's own message quotes the text, which can contain a part of the password
        msg = f"{variable}: expected a libpq connection string, got one that libpq cannot parse"
        raise SettingsInvalid(msg) from None


def connection_string(text: str, *, variable: str, timeout_seconds: float, application_name: str) -> str:
    """Add our deadlines and session settings to ``text``. A string with its own ``options`` (for a pooler) keeps those.

    Raises:
        SettingsInvalid: libpq cannot parse it; the message names only ``variable``.
    """
    given = connection_parameters(variable, text)
    given.setdefault("application_name", application_name)
    given.setdefault("connect_timeout", str(max(2, round(timeout_seconds))))
    given.setdefault("client_encoding", "UTF8")
    milliseconds = round(timeout_seconds * 1000)
    deadlines = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds // 2}"
    given.setdefault("options", f"{SESSION_OPTIONS} {deadlines}")
    return make_conninfo(**given)


def has_own_options(variable: str, text: str) -> bool:
    """Return whether ``text`` sets ``options``, even to nothing: then each transaction must start with ``PIN_TRANSACTION``.

    Raises:
        SettingsInvalid: libpq cannot parse it.
    """
    return "options" in connection_parameters(variable, text)
