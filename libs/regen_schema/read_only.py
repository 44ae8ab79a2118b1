"""A connection that only looks: in one read-only transaction, and no statement of it waits for long."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from regen_schema.connection import PIN_TRANSACTION, connection_parameters
from regen_schema.explain import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_TIMEOUT: Final = 10
"""Seconds until a server that does not answer is given up."""
STATEMENT_SECONDS: Final = 10.0
"""No statement waits longer, for a lock neither."""


@contextmanager
def looking(url: str, application_name: str) -> Iterator[psycopg.Connection[Any]]:
    """Opens the database at ``url``, the value of ``REGEN_DATABASE_URL``, until the block ends.

    Raises:
        SettingsInvalid: libpq cannot parse ``url``.
        DatabaseUnavailable: the server cannot be reached, or a statement took too long.
    """
    parameters: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, "application_name": application_name}
    parameters |= connection_parameters("REGEN_DATABASE_URL", url)
    try:
        with psycopg.connect(**parameters) as connection:
            connection.read_only = True
            # not as an option of the connection: that would take the place of the URL's own
            milliseconds = str(round(STATEMENT_SECONDS * 1000))
            connection.execute(f"{PIN_TRANSACTION}, set_config('statement_timeout', %s, true)", (milliseconds,))
            yield connection
    except psycopg.Error as error:
        raise explained(error) from error
