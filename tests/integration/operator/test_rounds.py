"""Does a round that failed wait for all its jobs before it ends?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import DatabaseUnavailable
from regen_operator.main import Operator

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from regen_operator.launch.classes import Classes
    from regen_operator.recover.checks import Verdict
    from regen_operator.recover.snapshot import Snapshot
    from regen_operator.settings import Settings
    from tests.integration.operator.world import World


async def test_a_round_of_which_one_job_fails_waits_for_the_others(
    world: World, settings: Settings, classes: Classes, mocker: MockerFixture
) -> None:
    """Else the round that repeats it would act beside it."""
    bad, good = await world.insert(), await world.insert()
    done: list[str] = []
    failed = asyncio.Event()

    async def act(snapshot: Snapshot, verdict: Verdict, began: float) -> None:
        if snapshot.row.id == bad:
            failed.set()
            raise DatabaseUnavailable("database: fail failed: timeout")
        await failed.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(snapshot.row.id)

    operator = Operator(settings, classes)
    mocker.patch.object(operator.reconciler, "_act", act)
    await operator.database.open()
    try:
        with pytest.raises(DatabaseUnavailable):
            await operator.reconciler.round([bad, good])
        assert done == [good]
    finally:
        await operator.database.close()
