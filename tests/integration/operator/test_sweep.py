"""Does the sweep leave a starting job alone until its next planned examination?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

JOBS_STARTING = 6
SWEEPS = 5


def reads(world: World) -> int:
    return sum(n for (who, verb, kind), n in world.api.counters.items() if verb in {"get", "list"} and is_looked_at(who, kind))


def is_looked_at(agent: str, resource: str) -> bool:
    return agent == "regen-operator" and resource in {"jobs.batch", "pods", "events"}


async def test_the_sweep_does_not_hasten_a_planned_examination(world: World, running: Running) -> None:
    async with running(resync_seconds=60.0, sweep_seconds=0.2) as operator:
        await world.until("the first resync is over", lambda: operator.sweep.last_success)
        ids = [await world.insert() for _ in range(JOBS_STARTING)]
        await world.until("each was looked at", lambda: all(map(operator.reconciler.memories.waiting, ids)))
        before = reads(world)
        for _ in range(SWEEPS):
            last = operator.sweep.last_success
            await world.until("the next sweep", lambda last=last: operator.sweep.last_success != last)  # type: ignore[misc]
        assert reads(world) == before


async def test_the_sweep_queues_a_job_that_is_not_queued(world: World, running: Running) -> None:
    async with running(resync_seconds=60.0, sweep_seconds=0.2) as operator:
        await world.until("the first resync is over", lambda: operator.sweep.last_success)
        job_id = await world.insert()
        await world.until("it was looked at", lambda: operator.reconciler.memories.waiting(job_id))
        operator.reconciler._queue.clear()  # the fault that the sweep is there for
        before = reads(world)
        await world.until("it is looked at again", lambda: reads(world) > before)
