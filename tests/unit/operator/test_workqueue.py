"""Is an id looked at once, not before its time, and not later than the earliest wish?"""

from __future__ import annotations

import asyncio

from regen_operator.recover.workqueue import WorkQueue


async def test_the_same_id_is_taken_once() -> None:
    queue = WorkQueue()
    for job_id in ("a", "b", "a"):
        queue.add(job_id)
    assert sorted(await queue.take(10)) == ["a", "b"]
    assert len(queue) == 0


async def test_an_earlier_wish_wins() -> None:
    queue = WorkQueue()
    queue.add("a", 60)
    queue.add("a")
    queue.add("a", 60)
    async with asyncio.timeout(1):
        assert await queue.take(10) == ["a"]


async def test_adding_an_id_ends_the_wait() -> None:
    queue = WorkQueue()
    queue.add("late", 60)
    taking = asyncio.create_task(queue.take(10))
    await asyncio.sleep(0)
    queue.add("now")
    async with asyncio.timeout(1):
        assert await taking == ["now"]


async def test_a_delay_is_waited_for() -> None:
    queue = WorkQueue()
    loop = asyncio.get_running_loop()
    began = loop.time()
    queue.add("a", 0.05)
    async with asyncio.timeout(1):
        assert await queue.take(10) == ["a"]
    assert loop.time() - began >= 0.05


async def test_a_round_is_bounded() -> None:
    queue = WorkQueue()
    for number in range(5):
        queue.add(str(number))
    assert len(await queue.take(3)) == 3
    assert len(queue) == 2


async def test_an_id_is_held_until_it_is_taken() -> None:
    queue = WorkQueue()
    queue.add("a")
    assert "a" in queue
    await queue.take(1)
    assert "a" not in queue
