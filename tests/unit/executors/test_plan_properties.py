"""Does every plan add up, keep its weeks, prerequisites and dates, and fit its schema, whatever the inputs?"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from regen_executors.interface import InvalidInput
from tests.unit.executors.plans import plan_of, some_inputs

if TYPE_CHECKING:
    from regen_executors.plan.model import Plan

_MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some_start = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds take none


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(files("regen_executors.plan").joinpath("plan.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def _json(plan: Plan) -> Any:
    return json.loads(plan.model_dump_json(by_alias=True))


def _check(plan: Plan) -> None:
    """What the plan's own model does not check is checked here a second time, from the JSON."""
    document = _json(plan)
    _validator().validate(document)
    lessons = {lesson["id"]: lesson for module in document["modules"] for lesson in module["lessons"]}
    sessions = [session for week in document["schedule"] for session in week["sessions"]]
    for lesson_id, lesson in lessons.items():
        parts = [session for session in sessions if session["lesson"] == lesson_id]
        assert sum(step["minutes"] for step in lesson["steps"]) == lesson["minutes"]
        assert sum(part["minutes"] for part in parts) == lesson["minutes"]
        assert [part["part"] for part in parts] == list(range(1, len(parts) + 1))
        assert {part["parts"] for part in parts} == {len(parts)}
    assert list(dict.fromkeys(session["lesson"] for session in sessions)) == list(lessons)
    total = document["totals"]["minutes"]
    assert total == sum(week["minutes"] for week in document["schedule"]) == sum(m["minutes"] for m in document["modules"])
    for number, week in enumerate(document["schedule"], start=1):
        assert week["number"] == number
        assert 0 < sum(session["minutes"] for session in week["sessions"]) == week["minutes"] <= plan.weekly_hours * 60
    seen: set[str] = set()
    for module in document["modules"]:
        assert set(module["prerequisites"]) <= seen
        seen.add(module["id"])


@_MANY
@given(some_inputs)
def test_a_plan_without_dates_adds_up(inputs: dict[str, Any]) -> None:
    plan = plan_of(**inputs)
    _check(plan)
    assert not plan.scope.reduced
    assert {week.starts_on for week in plan.schedule} == {None}
    assert plan_of(**inputs).model_dump_json() == plan.model_dump_json()


@_MANY
@given(some_inputs, some_start, st.integers(0, 400))
def test_a_plan_with_dates_stays_within_them(inputs: dict[str, Any], start: datetime, days: int) -> None:
    deadline = start + timedelta(days=days)
    dates = {"startDate": start.isoformat(), "deadlineDate": deadline.isoformat()}
    try:
        plan = plan_of(**inputs, **dates)
    except InvalidInput as refused:
        assert refused.field == "inputs.deadlineDate"  # noqa: PT017 - either is right, and this says when
        assert (days + 1) * inputs["weeklyHours"] * 60 // 7 < 120, "there was room for a lesson"
        return
    _check(plan)
    before: date | None = None
    for week in plan.schedule:
        assert week.starts_on is not None
        assert week.ends_on is not None
        assert start.date() <= week.starts_on <= week.ends_on <= deadline.date()
        assert before is None or week.starts_on == before + timedelta(days=1)
        before = week.ends_on
        share = inputs["weeklyHours"] * 60 * ((week.ends_on - week.starts_on).days + 1) / 7
        assert week.minutes <= share
    whole = plan_of(**inputs)
    assert plan.scope.reduced == (plan.totals.lessons < whole.totals.lessons)
    if plan.scope.reduced:
        assert plan.totals.minutes + sum(one.minutes for one in plan.scope.omitted) == whole.totals.minutes
    else:
        assert plan.totals.minutes >= whole.totals.minutes, "time that is left is for reviews and projects"


@_MANY
@given(some_inputs, some_start)
def test_a_deadline_without_a_start_gives_the_latest_start(inputs: dict[str, Any], deadline: datetime) -> None:
    plan = plan_of(**inputs, deadlineDate=deadline.isoformat())
    assert plan.start_by is not None
    again = plan_of(**inputs, startDate=f"{plan.start_by}T00:00:00Z", deadlineDate=deadline.isoformat())
    assert not again.scope.reduced
    assert again.schedule[-1].ends_on == deadline.date()


@_MANY
@given(some_inputs, some_start, st.integers(1, 200))
def test_optional_lessons_go_first_and_then_those_at_the_end(inputs: dict[str, Any], start: datetime, days: int) -> None:
    dates = {"startDate": start.isoformat(), "deadlineDate": (start + timedelta(days=days)).isoformat()}
    try:
        plan = plan_of(**inputs, **dates)
    except InvalidInput:
        assume(False)  # noqa: FBT003 - hypothesis has no keyword for it
        return
    whole = [lesson for module in plan_of(**inputs).modules for lesson in module.lessons]
    kept = {lesson.id for module in plan.modules for lesson in module.lessons}
    needed = [lesson.id in kept for lesson in whole if not lesson.optional]
    optional = [lesson.id in kept for lesson in whole if lesson.optional]
    assert needed == sorted(needed, reverse=True)
    assert optional == sorted(optional, reverse=True)
    assert all(needed) or not any(optional)


@pytest.mark.parametrize(
    ("dates", "field"),
    [
        ({"startDate": "9999-12-01T00:00:00Z"}, "inputs.startDate"),
        ({"deadlineDate": "0001-01-02T00:00:00Z"}, "inputs.deadlineDate"),
    ],
)
@given(inputs=some_inputs)
def test_a_plan_that_leaves_the_calendar_is_refused(dates: dict[str, str], field: str, inputs: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_of(**inputs | {"weeklyHours": 1}, **dates)
    assert caught.value.field == field
