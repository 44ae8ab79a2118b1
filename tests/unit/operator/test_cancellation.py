"""Is a cancellation that a library dropped found again?"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from regen_operator.rows.cancellation import raise_if_cancelled
from regen_operator.rows.database import Database


async def test_a_dropped_cancellation_is_raised() -> None:
    async def drops() -> str:
        with suppress(asyncio.CancelledError):  # as asyncio.wait_for does where the result came at the same moment
            await asyncio.Event().wait()
        raise_if_cancelled()
        return "went on"

    task = asyncio.create_task(drops())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_is_raised_without_one() -> None:
    raise_if_cancelled()
    await asyncio.sleep(0)


async def test_a_dropped_cancellation_outweighs_the_error_that_came_in_its_place() -> None:
    database = Database("postgresql://127.0.0.1:1/nobody", pool_size=2, timeout_seconds=0.2)
    await database.open()

    async def drops() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await database.clock()

    task = asyncio.create_task(drops())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.close()
