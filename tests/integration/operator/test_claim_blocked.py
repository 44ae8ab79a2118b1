"""Does the operator say so when a hung session keeps it from claiming?"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from regen_core.states import Caps, Claim
from regen_operator.claim import dispatcher as module
from regen_operator.claim.dispatcher import Dispatcher
from regen_operator.launch.launches import Launches
from regen_operator.telemetry.metrics import Metrics

if TYPE_CHECKING:
    import pytest
    from pytest_mock import MockerFixture

    from regen_operator.rows.database import Database
    from tests.integration.operator.world import World


def blocked_seconds(metrics: Metrics) -> float:
    [sample] = next(iter(metrics.claim_blocked.collect())).samples
    return sample.value


async def test_a_held_lock_is_logged_measured_and_no_success(
    db: Database, world: World, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_WARNING_SECONDS", 0.2)
    metrics = Metrics(frozenset({"document"}))
    launches = mocker.Mock(spec=Launches, can_launch=True)
    claim = Claim(20, Caps(), frozenset({"document"}))
    dispatcher = Dispatcher(db, launches, claim, limits=dict, changed=lambda: None, metrics=metrics, poll_seconds=0.05)
    job_id = await world.insert()
    with world.database.connect(world.database.operator_url) as hung, capture_logs() as logs:
        hung.execute("BEGIN")
        hung.execute("SELECT * FROM public.regen_claim_v1(1, 0, NULL, NULL, '{document}')")
        task = asyncio.create_task(dispatcher.run())
        try:
            await world.until("a warning", lambda: any(line["event"].startswith("claim blocked") for line in logs))
            assert blocked_seconds(metrics) >= 0.2
            assert dispatcher.last_success is None
            launches.start.assert_not_called()
            hung.execute("ROLLBACK")
            await world.until("a claim", lambda: dispatcher.last_success is not None and blocked_seconds(metrics) == 0)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    [row] = launches.start.call_args.args[0]
    assert row.id == job_id
