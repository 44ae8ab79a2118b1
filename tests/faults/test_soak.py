"""Does a soak end with every job ended, nothing twice and nothing violated, and does its table say so?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.faults.soak import soak
from tests.faults.soak_faults import Faults

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from regen_stack.stack import Stack
    from tests.faults.control import Control

COUNT = 10


@pytest.mark.exhaustive
@pytest.mark.asyncio(loop_scope="session")
async def test_a_short_soak_ends_well(faulty: tuple[Stack, Control]) -> None:
    said: list[str] = []
    report = await soak(*faulty, COUNT, seed=1, say=said.append)
    assert (report.violations, report.duplicates, report.lost) == ([], 0, 0)
    assert report.ends.total() == COUNT
    assert report.faults.total() > 0
    assert "duplicates 0, lost 0, violations 0" in report.table()


@pytest.mark.exhaustive
@pytest.mark.asyncio(loop_scope="session")
async def test_jobs_that_never_end_are_counted_as_lost(faulty: tuple[Stack, Control], mocker: MockerFixture) -> None:
    """The operators' way to the database stays away, and the soak waits no longer than it may."""

    async def stays_away(faults: Faults) -> None:
        faults.proxies.operator.away()
        await asyncio.Event().wait()

    mocker.patch.object(Faults, "make", stays_away)
    mocker.patch.object(Faults, "heal")
    mocker.patch("tests.faults.soak.FAULTY_SECONDS", 1.0)
    mocker.patch("tests.faults.soak.QUIET_SECONDS", 1.0)
    report = await soak(*faulty, COUNT, seed=1, say=lambda _: None)
    assert (report.lost, report.ends.total(), report.violations) == (COUNT, 0, [])
    assert f"duplicates 0, lost {COUNT}, violations 0" in report.table()
