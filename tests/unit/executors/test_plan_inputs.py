"""Does every wrong input of a plan end in one error that names it, and is null the same as nothing?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regen_executors.interface import InvalidInput
from tests.unit.executors.plans import GOOD, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        (_without("topic"), "inputs.topic"),
        (_without("skillLevel"), "inputs.skillLevel"),
        (_without("weeklyHours"), "inputs.weeklyHours"),
        (_without("learningStyle"), "inputs.learningStyle"),
        (GOOD | {"topic": None}, "inputs.topic"),
        (GOOD | {"topic": "  ab  "}, "inputs.topic"),
        (GOOD | {"topic": "a" * 501}, "inputs.topic"),
        (GOOD | {"topic": "abc\x00"}, "inputs.topic"),
        (GOOD | {"topic": 123}, "inputs.topic"),
        (GOOD | {"skillLevel": "expert"}, "inputs.skillLevel"),
        (GOOD | {"weeklyHours": 0}, "inputs.weeklyHours"),
        (GOOD | {"weeklyHours": 81}, "inputs.weeklyHours"),
        (GOOD | {"weeklyHours": 5.5}, "inputs.weeklyHours"),
        (GOOD | {"weeklyHours": "5"}, "inputs.weeklyHours"),
        (GOOD | {"weeklyHours": True}, "inputs.weeklyHours"),
        (GOOD | {"learningStyle": "osmosis"}, "inputs.learningStyle"),
        (GOOD | {"startDate": "2026-01-05"}, "inputs.startDate"),
        (GOOD | {"startDate": "soon"}, "inputs.startDate"),
        (GOOD | {"startDate": 1_767_571_200}, "inputs.startDate"),
        (GOOD | {"deadlineDate": "2026-02-30T00:00:00Z"}, "inputs.deadlineDate"),
        (GOOD | {"startDate": "0001-01-01T00:00:00+10:00"}, "inputs.startDate"),
        (GOOD | {"notes": "a" * 2001}, "inputs.notes"),
        (GOOD | {"notes": "\x1b"}, "inputs.notes"),
        (GOOD | {"extra": 1}, "inputs.extra"),
        (GOOD | {"extra": None}, "inputs.extra"),
        (GOOD | {"skill_level": "beginner"}, "inputs.skill_level"),
        (GOOD | {"startDate": "2026-02-01T00:00:00Z", "deadlineDate": "2026-01-01T00:00:00Z"}, "inputs.deadlineDate"),
    ],
)
def test_a_wrong_input_is_named(run: Callable[..., dict[str, bytes]], inputs: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run("plan_regeneration", inputs)
    assert caught.value.field == field


def test_null_is_the_same_as_nothing() -> None:
    nothing = plan_of().model_dump_json()
    assert plan_of(startDate=None, deadlineDate=None, notes=None).model_dump_json() == nothing


def test_white_space_around_the_topic_does_not_count() -> None:
    assert plan_of(topic="  Python \n programming ").topic == "Python programming"


def test_a_date_is_read_in_its_own_offset() -> None:
    plan = plan_of(startDate="2026-01-05T01:00:00+02:00")
    assert str(plan.schedule[0].starts_on) == "2026-01-04"


def test_a_deadline_too_near_for_one_lesson_says_so() -> None:
    dates = {"startDate": "2026-01-05T00:00:00Z", "deadlineDate": "2026-01-05T23:00:00Z"}
    with pytest.raises(
        InvalidInput, match=r"^inputs\.deadlineDate: expected a deadline that leaves room for at least the first"
    ):
        plan_of(**dates, weeklyHours=1)
