"""The inputs of ``plan_regeneration`` and its limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from regen_executors.document.characters import checked
from regen_executors.inputs import StrictInputs, validated

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_TOPIC: Final = 3
MAX_TOPIC: Final = 500
MAX_NOTES: Final = 2000

SkillLevel = Literal["beginner", "intermediate", "advanced"]
LearningStyle = Literal["reading", "video", "practice", "mixed"]

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


class PlanInputs(StrictInputs):
    """``instructionJson.inputs`` of a ``plan_regeneration``. A null is the same as an absent key.

    Attributes:
        topic: what is to be learnt; white space around and between its words is squeezed.
        skill_level: what the learner knows already; chooses the lessons and their minutes.
        weekly_hours: whole hours a week, never exceeded by a week of the plan.
        learning_style: chooses resources, and how a lesson's minutes are spent.
        start_date: an ISO 8601 date-time, UTC where it has no offset; without one the plan's weeks are only numbered.
        deadline_date: likewise; with a start, no week of the plan reaches beyond its day.
        notes: the learner's own words, printed in the plan.
    """

    topic: Annotated[str, Field(max_length=MAX_TOPIC)]
    skill_level: SkillLevel
    weekly_hours: Annotated[int, Field(ge=1, le=80)]
    learning_style: LearningStyle
    start_date: datetime | None = None
    deadline_date: datetime | None = None
    notes: Annotated[str, Field(max_length=MAX_NOTES)] = ""

    @field_validator("topic")
    @classmethod
    def _topic_says_something(cls, topic: str) -> str:
        squeezed = " ".join(topic.split())
        if len(squeezed) < MIN_TOPIC:
            msg = f"expected at least {MIN_TOPIC} characters, apart from space around them"
            raise ValueError(msg)
        return squeezed

    @field_validator("start_date", "deadline_date", mode="before")
    @classmethod
    def _is_a_date_time(cls, given: Any) -> datetime:
        if isinstance(given, str) and _DATE_TIME.fullmatch(given):
            try:
                at = datetime.fromisoformat(given.upper().replace(",", "."))
                return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
            except (ValueError, OverflowError):
                pass
        msg = "expected an ISO 8601 date-time such as 2026-01-31T09:00:00Z, or null"
        raise ValueError(msg)


def plan_inputs(given: Mapping[str, Any]) -> PlanInputs:
    """The inputs, checked.

    Raises:
        InvalidInput: names the first wrong one.
    """
    known = {str(field.alias) for field in PlanInputs.model_fields.values()}
    inputs = validated(PlanInputs, {name: value for name, value in given.items() if value is not None or name not in known})
    topic, notes = checked(inputs.topic, "inputs.topic"), checked(inputs.notes, "inputs.notes")
    return inputs.model_copy(update={"topic": topic, "notes": notes.strip()})
