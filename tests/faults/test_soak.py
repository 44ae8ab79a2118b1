"""Does a soak end with every job ended, nothing twice and nothing violated, and does its table say so?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.soak import soak

if TYPE_CHECKING:
    from regen_devcluster.stack import Stack
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
