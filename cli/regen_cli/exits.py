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

FAILURE: Final = 1
"""The request was refused, or an unexpected error occurred. Running the same command again fails again."""
INVALID: Final = 2
"""An argument, setting or instruction is invalid. Nothing was changed."""
NOT_FOUND: Final = 3
"""The job or output does not exist."""
JOB_FAILED: Final = 4
"""The job that the command waited for is FAILED."""
VIOLATION: Final = 5
"""Verification failed: a violated invariant, a broken hash chain, or a digest that differs."""
TIMED_OUT: Final = 6
"""The job did not end within ``--timeout``. It continues."""
UNAVAILABLE: Final = 7
"""The database, store or cluster is unreachable. The command can be run again; ``trigger`` says how."""
INTERRUPTED: Final = 130
"""Ctrl-C."""


class NotFound(RegenError):
    """The job or output does not exist."""


class VerificationFailed(RegenError):
    """Stored data differs from what the database recorded."""


class TimedOut(RegenError):
    """The command stopped waiting before the job ended."""


class Unavailable(RegenError):
    """A service other than the database and the store is unreachable. The command can be run again."""


STATUSES: Final[tuple[tuple[type[RegenError], int], ...]] = (
    (SettingsInvalid, INVALID),
    (ValidationFailed, INVALID),
    (NotFound, NOT_FOUND),
    (VerificationFailed, VIOLATION),
    (TimedOut, TIMED_OUT),
    (DatabaseUnavailable, UNAVAILABLE),
    (StoreUnavailable, UNAVAILABLE),
    (Unavailable, UNAVAILABLE),
)


def status_of(error: RegenError) -> int:
    """Return the exit status for an error."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), FAILURE)


def followed_by(message: str, advice: str) -> str:
    """Join an error message and the sentence that says what to do next."""
    return f"{message.removesuffix('.')}. {advice}"
