"""Waiting for jobs: woken where the way to them can wake, with a look every second or so underneath."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from regen_cli.exits import TimeUp
from regen_cli.jobs import no_such_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_cli.jobs import JobLine, Jobs


def until_ended(jobs: Jobs, ids: Sequence[str], seconds: float | None) -> Iterator[list[JobLine]]:
    """The jobs' lines, again and again, the last time when all have ended.

    Args:
        jobs: where to look.
        ids: of jobs that exist.
        seconds: after which to give up; None for never.

    Raises:
        NotFound: one of the jobs does not exist.
        TimeUp: ``seconds`` are over.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    jobs.listen()
    while True:
        found = jobs.lines(ids)
        if absent := set(ids) - {line.id for line in found}:
            jobs.find(min(absent))  # says best why it is not there
            raise no_such_job(min(absent))
        yield found
        going = [line for line in found if not line.status.is_terminal]
        if not going:
            return
        pause = jobs.pause(len(ids))
        left = pause if deadline is None else deadline - time.monotonic()
        if left <= 0:
            names = ", ".join(f"{line.id} is {line.status}" for line in going[:3])
            msg = f"expected an end within {seconds:g} s, got none: {names}; it goes on without us"
            raise TimeUp(msg)
        jobs.wait(min(pause, left))
