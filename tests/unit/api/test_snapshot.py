"""Does a plan and its overrides become one instruction that depends on nothing else?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from regen_api.plans.overrides import Overrides, as_utc
from regen_api.plans.snapshot import PlanInput, instruction
from regen_api.problems import Problem

ADAPTER = TypeAdapter(Overrides)
FIELDS: dict[str, Any] = {
    "topic": "SQL",
    "skill_level": "beginner",
    "weekly_hours": 5,
    "learning_style": "video",
    "start_date": datetime(2026, 1, 1),  # noqa: DTZ001 - as the database has it
    "deadline_date": None,
    "notes": None,
}


def plan(**changed: Any) -> PlanInput:
    return PlanInput(**(FIELDS | changed))


def test_what_is_null_is_left_out() -> None:
    assert instruction(plan(), {}) == {
        "type": "plan_regeneration",
        "version": 1,
        "inputs": {
            "topic": "SQL",
            "skillLevel": "beginner",
            "weeklyHours": 5,
            "learningStyle": "video",
            "startDate": "2026-01-01T00:00:00.000Z",
        },
    }


def test_an_override_replaces_and_null_clears() -> None:
    given = ADAPTER.validate_python({"topic": "  interview prep ", "startDate": None, "weeklyHours": 6.0, "notes": ""})
    assert instruction(plan(notes="old"), given)["inputs"] == {
        "topic": "interview prep",
        "skillLevel": "beginner",
        "weeklyHours": 6,
        "learningStyle": "video",
        "notes": "",
    }


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (datetime(2026, 1, 1, 9, 30, 0, 123000), "2026-01-01T09:30:00.123Z"),  # noqa: DTZ001
        (datetime(2026, 1, 1, 9, 30, tzinfo=timezone(timedelta(hours=9))), "2026-01-01T00:30:00.000Z"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000Z"),
        (date(2026, 1, 1), "2026-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_of_any_column_is_one_text(stored: datetime | date, expected: str) -> None:
    assert instruction(plan(start_date=stored), {})["inputs"]["startDate"] == expected


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"topic": " ab "}, "topic"),
        ({"topic": "a\0bc"}, "topic"),
        ({"topic": "x" * 501}, "topic"),
        ({"topic": 5}, "topic"),
        ({"topic": None}, "topic"),
        ({"notes": "x" * 2001}, "notes"),
        ({"notes": "\0"}, "notes"),
        ({"notes": "\ud800"}, "notes"),
        ({"skillLevel": "expert"}, "skillLevel"),
        ({"weeklyHours": 0}, "weeklyHours"),
        ({"weeklyHours": 81}, "weeklyHours"),
        ({"weeklyHours": 1.5}, "weeklyHours"),
        ({"weeklyHours": "5"}, "weeklyHours"),
        ({"weeklyHours": True}, "weeklyHours"),
        ({"weeklyHours": float("inf")}, "weeklyHours"),
        ({"learningStyle": "osmosis"}, "learningStyle"),
        ({"startDate": "2026-01-01"}, "startDate"),
        ({"startDate": "tomorrow"}, "startDate"),
        ({"startDate": "2026-02-30T00:00:00Z"}, "startDate"),
        ({"startDate": 1767225600}, "startDate"),
        ({"deadlineDate": "0001-01-01T00:00:00+14:00"}, "deadlineDate"),
        ({"title": "x"}, "title"),
        ({"skill_level": "beginner"}, "skill_level"),
    ],
)
def test_a_wrong_override_is_named(overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(overrides)
    assert [error["loc"][0] for error in caught.value.errors()] == [field]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000Z"),
        ("2026-01-31T09:00:00.5+02:00", "2026-01-31T07:00:00.500Z"),
        ("2026-01-31T09:00", "2026-01-31T09:00:00.000Z"),
        ("2026-01-31t09:00:00.123456z", "2026-01-31T09:00:00.123Z"),
    ],
)
def test_a_date_time_becomes_utc(text: str, expected: str) -> None:
    assert as_utc(text) == expected


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"topic": "ab"}, "plan.topic"),
        ({"topic": None}, "plan.topic"),
        ({"weekly_hours": 100}, "plan.weeklyHours"),
        ({"skill_level": "EXPERT"}, "plan.skillLevel"),
        ({"start_date": datetime(2026, 2, 1), "deadline_date": datetime(2026, 1, 1)}, "plan.deadlineDate"),  # noqa: DTZ001
    ],
)
def test_a_plan_that_no_request_could_describe_is_a_conflict(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(Problem, match=message) as caught:
        instruction(plan(**changed), {})
    assert caught.value.status == 409


def test_an_override_mends_such_a_plan() -> None:
    assert instruction(plan(topic="ab"), {"topic": "abc"})["inputs"]["topic"] == "abc"


def test_a_deadline_before_the_start_is_refused() -> None:
    given = ADAPTER.validate_python({"deadlineDate": "2025-12-31T00:00:00Z"})
    with pytest.raises(Problem, match=r"overrides\.deadlineDate") as caught:
        instruction(plan(), given)
    assert caught.value.status == 400
