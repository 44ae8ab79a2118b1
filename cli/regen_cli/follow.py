"""Waiting for jobs: woken by the database's notifications, with a look every second underneath."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from regen_cli import jobs
from regen_cli.exits import TimeUp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_cli.database import Database
    from regen_cli.jobs import JobLine

LOOK_SECONDS: Final = 1.0


def until_ended(database: Database, ids: Sequence[str], seconds: float | None) -> Iterator[list[JobLine]]:
    """The jobs' lines, again and again, the last time when all have ended.

    Args:
        database: entered.
        ids: of jobs that exist.
        seconds: after which to give up; None for never.

    Raises:
        NotFound: one of the jobs does not exist.
        TimeUp: ``seconds`` are over.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    database.listen()
    while True:
        found = jobs.lines(database, ids)
        if absent := set(ids) - {line.id for line in found}:
            raise jobs.no_such_job(database, min(absent))
        yield found
        going = [line for line in found if not line.status.is_terminal]
        if not going:
            return
        left = LOOK_SECONDS if deadline is None else deadline - time.monotonic()
        if left <= 0:
            names = ", ".join(f"{line.id} is {line.status}" for line in going[:3])
            msg = f"expected an end within {seconds:g} s, got none: {names}; it goes on without us"
            raise TimeUp(msg)
        database.wait(min(LOOK_SECONDS, left))
