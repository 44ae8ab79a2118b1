"""Do two claimers that start together keep every cap?"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from regen_core.states import Caps, Claim, JobStatus

if TYPE_CHECKING:
    from regen_operator.rows.database import Database
    from tests.integration.operator.world import World

CLAIM = Claim(20, Caps(total=6, per_type={"export": 2}, per_requester=4), frozenset({"document", "export"}))


async def test_claimers_at_a_barrier_never_exceed_a_cap(db: Database, world: World) -> None:
    for number in range(30):
        await world.insert(("document", "export")[number % 2], requestedBy=("ann", "bob", "cy")[number % 3])
    for _ in range(4):
        barrier = asyncio.Barrier(4)

        async def claim(at: asyncio.Barrier = barrier) -> int:
            await at.wait()
            return len(await db.claim(CLAIM))

        await asyncio.gather(*(claim() for _ in range(4)))
        running = await world.query("""SELECT id, type, "requestedBy" AS who FROM "RegenerationJob" WHERE status = 'RUNNING'""")
        assert len(running) == 6, "as many as may run do"
        assert Counter(row["type"] for row in running)["export"] <= 2
        assert max(Counter(row["who"] for row in running).values()) <= 4
        for row in running[:3]:
            await world.start(row["id"], "uid", "pod")
            await world.complete(row["id"], row["type"])


async def test_a_type_without_a_class_is_failed_in_the_claim(db: Database, world: World) -> None:
    job_id = await world.insert("poem")
    [row] = await db.claim(CLAIM)
    assert (row.id, row.status) == (job_id, JobStatus.FAILED)
    assert row.error is not None
    assert row.error["classification"] == "validation"
