"""Wait for jobs to end, by notification where there is one and by polling every second or so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from regen_cli.exits import TimedOut
from regen_cli.jobs import no_such_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_cli.jobs import JobLine, Jobs


def until_ended(jobs: Jobs, ids: Sequence[str], seconds: float | None) -> Iterator[list[JobLine]]:
    """Yield the jobs' rows at every change, the last time when all have ended.

    Args:
        jobs: the database or the API.
        ids: ids of existing jobs.
        seconds: how long to wait; None for no limit.

    Raises:
        NotFound: one of the jobs does not exist.
        TimedOut: ``seconds`` have passed.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    jobs.listen()
    while True:
        found = jobs.lines(ids)
        if absent := set(ids) - {line.id for line in found}:
            jobs.find(min(absent))  # raises the error that says why it is missing
            raise no_such_job(min(absent))
        yield found
        going = [line for line in found if not line.status.is_terminal]
        if not going:
            return
        pause = jobs.pause(len(ids))
        left = pause if deadline is None else deadline - time.monotonic()
        if left <= 0:
            names = ", ".join(f"{line.id} is {line.status}" for line in going[:3])
            msg = f"gave up after {seconds:g} s: {names}. The jobs continue; `regen watch` follows them."
            raise TimedOut(msg)
        jobs.wait(min(pause, left))
