"""Does a job end once and rightly, wherever a process is killed with SIGKILL?

``make faults`` runs all; ``make faults POINT=publish.after_manifest_put`` runs one; ``make faults PAIRS=1`` adds two deaths in
one story, ``PAIRS=3/50`` the third of fifty shares of them. First each story is told without a death, and passes the points
that the table says; then it is told again for every point, with a death exactly there.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.faults.effects import EFFECTS, POINTS, point
from tests.faults.scenarios import SCENARIOS
from tests.faults.story import tell

if TYPE_CHECKING:
    from regen_stack.stack import Stack
    from tests.faults.control import Control

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALWAYS = {
    "operator.after_claim",
    "operator.after_job_create",
    "prepare.after_fence",
    "execute.after_executor",
    "publish.after_manifest_put",
    "publish.before_commit",
}
"""The points that ``make test`` kills at; ``make faults`` kills at all."""
_SHARE = re.compile("[0-9]{1,6}(/[0-9]{1,6})?")


def _cases() -> list[pytest.ParameterSet]:
    return [pytest.param(name, marks=() if name in ALWAYS else (pytest.mark.exhaustive,), id=name) for name in POINTS]


@pytest.mark.exhaustive
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_that_a_story_without_a_death_passes_its_points(faulty: tuple[Stack, Control], scenario: str) -> None:
    promised = {point(when, name) for name, one in EFFECTS.items() if one.scenario == scenario for when in ("before", "after")}
    ending = await tell(*faulty, scenario, passing=promised)
    assert (ending.ends, ending.violations, ending.killed) == (SCENARIOS[scenario].ends, [], [])
    assert promised - ending.passed == set()
    assert ending.passed - POINTS.keys() == set()


@pytest.mark.parametrize("name", _cases())
async def test_that_a_death_there_leaves_one_outcome(faulty: tuple[Stack, Control], name: str) -> None:
    scenario, end = POINTS[name]
    ending = await tell(*faulty, scenario, [name])
    assert (ending.killed, ending.ends, ending.violations) == ([name], [end] * SCENARIOS[scenario].jobs, [])


def _pairs() -> list[tuple[str, str]]:
    """Every death of an operator followed by every later one of the same story and every death in a pod; or a share of them.

    ``PAIRS=1`` is all, ``PAIRS=3/50`` the third of fifty shares: every fiftieth pair.
    """
    wanted = os.environ.get("PAIRS")
    if not wanted:
        return []
    share, of = (int(word) for word in f"{wanted}/1".split("/")[:2]) if _SHARE.fullmatch(wanted) else (0, 0)
    if not 1 <= share <= of:
        raise pytest.UsageError(f"PAIRS: expected 1, or a share such as 3/50, got {wanted}")
    firsts = [name for name in POINTS if name.startswith("operator.")]
    pairs = [(one, other) for one in firsts for other in POINTS if one != other and POINTS[one][0] == POINTS[other][0]]
    return pairs[share - 1 :: of]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("one", "other"), _pairs())
async def test_that_two_deaths_leave_one_outcome(faulty: tuple[Stack, Control], one: str, other: str) -> None:
    """The second may not come: a pod that died has no later points, and an operator that died late has none left.

    Nor need an operator that ends early have made its event, which is best effort: whatever was passed was died at, once.
    """
    scenario, end = POINTS[other]
    ending = await tell(*faulty, scenario, [one, other], all_of_them=False)
    assert sorted(ending.killed) == sorted({one, other} & ending.passed)
    assert ending.violations == []
    assert ending.ends in ([each] * SCENARIOS[scenario].jobs for each in (end, POINTS[one][1]))
    if not ending.killed:
        pytest.skip("not proven here: this job passed neither point")
