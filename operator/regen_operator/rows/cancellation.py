"""Cancellations that get lost: before Python 3.12 ``asyncio.wait_for``, which psycopg uses, drops one that comes together
with the result it waits for. A loop that goes on for ever would never end.
"""

from __future__ import annotations

import asyncio


def raise_if_cancelled() -> None:
    """Raises the cancellation that the current task was asked for and did not get.

    Raises:
        CancelledError: there is one.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
