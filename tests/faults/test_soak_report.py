"""Does a soak's table count every violation under its invariant, and say of what nobody looked at that nobody did?"""

from __future__ import annotations

from collections import Counter

import pytest

from regen_verify import Invariant
from tests.faults.evidence import LOOKED_AT
from tests.faults.soak_report import Report


def rows(*violations: str) -> dict[str, str]:
    """The table's lines, by their first word or words."""
    table = Report(10.0, Counter({"COMPLETED": 2}), Counter({"API refuses": 3}), 0, 0, list(violations)).table()
    return dict(line.strip().split("  ", 1) for line in table.splitlines() if line.startswith("  "))


@pytest.mark.parametrize("invariant", sorted(LOOKED_AT))
def test_a_violation_is_counted_under_its_own_invariant_alone(invariant: Invariant) -> None:
    found = rows(f"soak-000001: {invariant}: what: was expected, and got")
    assert {one: int(found[one]) for one in LOOKED_AT} == {one: int(one is invariant) for one in LOOKED_AT}
    assert "of none of these" not in found


def test_that_nobody_looked_is_not_said_by_a_number() -> None:
    assert {one: found.strip() for one, found in rows().items() if one in set(Invariant) - LOOKED_AT} == {
        "reproducible": "not looked at"
    }


@pytest.mark.parametrize("sentence", ["somebody: said something", "no colon", "job: no-such-invariant: what"])
def test_a_sentence_of_no_invariant_is_counted_too(sentence: str) -> None:
    assert int(rows(sentence)["of none of these"]) == 1
