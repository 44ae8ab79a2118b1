"""Restores lost cancellations: before Python 3.12, ``asyncio.wait_for``, which psycopg uses, drops a cancellation that arrives
together with its result. An endless loop would then never end.
"""

from __future__ import annotations

import asyncio


def raise_if_cancelled() -> None:
    """Raises ``CancelledError`` if the current task was cancelled and has not received it.

    Raises:
        CancelledError: the task was cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
