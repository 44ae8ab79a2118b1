"""Does every wrong input of a plan end in one error that names it, and is null the same as nothing?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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
        (GOOD | {"topic": "\u200b\u200b\u200b\u200b"}, "inputs.topic"),
        (GOOD | {"topic": "\u3164\u2800\u3164 \u2060"}, "inputs.topic"),
        (GOOD | {"today": "2026-02-30"}, "inputs.today"),
        (GOOD | {"today": "2026-02-03T00:00:00Z"}, "inputs.today"),
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


def test_days_are_those_of_the_learners_offset() -> None:
    tokyo = plan_of(startDate="2026-01-05T01:00:00+09:00")
    assert str(tokyo.schedule[0].starts_on) == "2026-01-05"
    los_angeles = plan_of(startDate="2026-12-08T00:00:00-08:00", deadlineDate="2026-12-14T23:00:00-08:00")
    assert str(los_angeles.schedule[-1].ends_on) == "2026-12-14"
    assert los_angeles.model_dump(mode="json")["deadline_date"] == "2026-12-14T23:00:00-08:00"


@pytest.mark.parametrize(
    ("dates", "remark"),
    [
        (
            {"startDate": "2026-01-05T00:00:00Z", "deadlineDate": "2026-02-05T00:00:00Z"},
            "The deadline of this plan, 2026-02-05, has passed",
        ),
        ({"startDate": "2026-01-05T00:00:00Z"}, "This plan starts on 2026-01-05, which has passed"),
    ],
)
def test_dates_that_have_passed_are_said(dates: dict[str, str], remark: str) -> None:
    assert plan_of(**dates, today="2026-03-01").remarks[0].startswith(remark)
    assert not any("passed" in one for one in plan_of(**dates, today="2026-01-05").remarks)
    assert not any("passed" in one for one in plan_of(**dates).remarks)


@pytest.mark.parametrize("hours", [43, 80])
def test_a_week_that_is_not_realistic_is_said(hours: int) -> None:
    assert "a day, every day. That is not realistic" in plan_of(weeklyHours=hours).remarks[-1]
    assert plan_of(weeklyHours=42).remarks == ()


def test_a_deadline_cuts_a_project_as_a_whole() -> None:
    dates = {"startDate": "2026-12-01T00:00:00Z", "deadlineDate": "2026-12-02T00:00:00Z"}
    plan = plan_of(topic="Python for data analysis", weeklyHours=80, **dates)
    assert plan.remarks[-1].startswith("80 hours a week are 11 h 25 min a day, every day. That is not realistic")
    omitted = [one.title for one in plan.scope.omitted]
    assert {"A question and its data", "Clean, explore, answer", "A report of two pages"} <= set(omitted)
    for days in range(1, 60):
        end = (datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=days)).isoformat()
        kept = {
            lesson.title
            for module in plan_of(startDate="2026-12-01T00:00:00Z", deadlineDate=end).modules
            for lesson in module.lessons
        }
        project = {"Choose and cut", "Build the first version", "Publish and improve"}
        assert len(project & kept) in {0, 3}


def test_time_until_the_deadline_is_used_or_the_plan_says_why_not() -> None:
    short = plan_of()
    dates = {"startDate": "2026-01-05T00:00:00Z", "deadlineDate": "2026-08-30T00:00:00Z"}
    plan = plan_of(**dates)
    titles = [lesson.title for module in plan.modules for lesson in module.lessons]
    assert plan.totals.minutes > short.totals.minutes + 1000
    assert "Review: First programs" in titles
    assert "Teach one lesson" in titles
    assert not plan.scope.reduced
    assert plan.remarks[-1].startswith("Until the deadline you have 170 hours; this plan uses ")
    fitting = plan_of(startDate="2026-01-05T00:00:00Z", deadlineDate="2026-03-08T00:00:00Z")
    assert not any("Until the deadline" in one for one in fitting.remarks)


def test_a_deadline_too_near_for_one_lesson_says_so() -> None:
    dates = {"startDate": "2026-01-05T00:00:00Z", "deadlineDate": "2026-01-05T23:00:00Z"}
    with pytest.raises(
        InvalidInput, match=r"^inputs\.deadlineDate: expected a deadline that leaves room for at least the first"
    ):
        plan_of(**dates, weeklyHours=1)
