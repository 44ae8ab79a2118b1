"""One scenario told to its end, with deaths at the given points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.case import Case
from tests.faults.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from regen_stack.stack import Stack
    from tests.faults.case import Ending
    from tests.faults.control import Control


async def tell(
    stack: Stack,
    control: Control,
    scenario: str,
    points: Sequence[str] = (),
    *,
    all_of_them: bool = True,
    passing: Collection[str] = (),
) -> Ending:
    """Tells ``scenario``; a process that dies is started again as Kubernetes would: the operator, never a pod.

    ``all_of_them``: the story ends only once every planned death has been died. ``passing``: likewise, once each of these
    points has been passed.
    """
    story = SCENARIOS[scenario]
    control.plan(points)
    async with Case(stack, control, settings=story.settings) as case:
        story.begin(case)
        await case.start_operator()
        return await case.conclude(all_deaths=all_of_them, passing=passing)
