"""Does a plan's priority follow from tier and topic alone?"""

from __future__ import annotations

import pytest

from regen_api.plans.priority import PriorityRules, priority

RULES = PriorityRules({"free": 0, "starter": 10, "pro": 20}, ("interview prep", "C++", "exam"), 5)


@pytest.mark.parametrize(
    ("tier", "topic", "expected"),
    [
        ("free", "gardening", 0),
        ("starter", "gardening", 10),
        ("pro", "gardening", 20),
        ("free", "interview prep", 5),
        ("starter", "Interview  Prep", 15),
        ("pro", "my interview-prep in two weeks", 25),
        ("pro", "exam: interview prep", 25),
        ("free", "interview preparation", 0),
        ("free", "re-interview prepared", 0),
        ("free", "prep interview", 0),
        ("free", "example", 0),
        ("free", "EXAM", 5),
        ("free", "c++ for beginners", 5),
        ("enterprise", "gardening", 0),
        ("enterprise", "interview prep", 5),
        ("Pro", "gardening", 0),
    ],
)
def test_tier_and_topic(tier: str, topic: str, expected: int) -> None:
    assert priority(RULES, tier, topic) == expected


def test_without_rules_everything_is_alike() -> None:
    assert priority(PriorityRules({}, (), 5), "pro", "interview prep") == 0


def test_a_bonus_may_be_a_malus() -> None:
    assert priority(PriorityRules({"pro": 20}, ("bulk",), -100), "pro", "bulk import") == -80
