"""Is a cancellation that a library dropped found again?"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from regen_operator.cancellation import raise_if_cancelled


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
