"""Connection strings, read and written without connecting; no message repeats any of one, since it may hold a password."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from regen_core.errors import SettingsInvalid


def connection_parameters(variable: str, text: str) -> dict[str, Any]:
    """The parameters in ``text``, the value of the environment variable ``variable``: a URL or libpq's ``key=value`` form.

    Raises:
        SettingsInvalid: libpq cannot parse it; the message names the variable alone.
    """
    try:
        return conninfo_to_dict(text)
    except (psycopg.Error, ValueError):
        # libpq's own message quotes what it could not parse, and that may be a piece of the password
        msg = f"{variable}: expected a libpq connection string, got one that libpq cannot parse"
        raise SettingsInvalid(msg) from None


def connection_string(text: str, *, variable: str, timeout_seconds: float, application_name: str) -> str:
    """``text`` with our deadlines. One that has ``options`` of its own (a pooler may refuse them) keeps those.

    Raises:
        SettingsInvalid: libpq cannot parse it; the message names ``variable`` alone.
    """
    given = connection_parameters(variable, text)
    given.setdefault("application_name", application_name)
    given.setdefault("connect_timeout", str(max(2, round(timeout_seconds))))
    milliseconds = round(timeout_seconds * 1000)
    given.setdefault("options", f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds // 2}")
    return make_conninfo(**given)
