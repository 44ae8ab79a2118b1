"""The exit statuses, which scripts rely on (docs/cli.md), and the errors that are the command line's own."""

from __future__ import annotations

from typing import Final

from regen_core.errors import (
    DatabaseUnavailable,
    RegenError,
    SettingsInvalid,
    StoreUnavailable,
    ValidationFailed,
)

TROUBLE: Final = 1
"""Refused, or something unforeseen; the same command will fail again."""
WRONG: Final = 2
"""A wrong argument, setting or instruction; nothing was done."""
NOT_FOUND: Final = 3
"""There is no such job or output."""
JOB_FAILED: Final = 4
"""The job that was waited for is FAILED."""
VIOLATION: Final = 5
"""Something does not hold: a violated invariant, a broken chain, a digest that differs."""
TIME_UP: Final = 6
"""The job that was waited for had not ended in time; it goes on."""
UNAVAILABLE: Final = 7
"""Database, store or cluster did not answer; the same command may be tried again, ``trigger`` as its message says."""
INTERRUPTED: Final = 130
"""Ctrl-C."""


class NotFound(RegenError):
    """There is no such job or output."""


class DoesNotHold(RegenError):
    """What was read is not what the database says it must be."""


class TimeUp(RegenError):
    """What was waited for did not happen in time."""


class Unavailable(RegenError):
    """Something other than database and store did not answer; it may be tried again."""


STATUSES: Final[tuple[tuple[type[RegenError], int], ...]] = (
    (SettingsInvalid, WRONG),
    (ValidationFailed, WRONG),
    (NotFound, NOT_FOUND),
    (DoesNotHold, VIOLATION),
    (TimeUp, TIME_UP),
    (DatabaseUnavailable, UNAVAILABLE),
    (StoreUnavailable, UNAVAILABLE),
    (Unavailable, UNAVAILABLE),
)


def status_of(error: RegenError) -> int:
    """The exit status that an error ends the process with."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), TROUBLE)
