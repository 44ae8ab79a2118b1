"""The inputs of ``plan_regeneration`` and its limits."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime
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

# Letters and symbols without ink: fillers of Hangul, and the Braille pattern without dots.
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


class PlanInputs(StrictInputs):
    """``instructionJson.inputs`` of a ``plan_regeneration``. A null is the same as an absent key.

    Attributes:
        topic: what is to be learnt; white space around and between its words is squeezed.
        skill_level: what the learner knows already; chooses the lessons and their minutes.
        weekly_hours: whole hours a week; no week of the plan has more.
        learning_style: chooses resources, and how a lesson's minutes are spent.
        start_date: an ISO 8601 date-time, UTC where it has no offset. The day is the one of that offset: the learner's.
            Without a start the plan's weeks are only numbered.
        deadline_date: likewise; with a start, no week of the plan reaches beyond its day.
        today: the learner's day when the plan is asked for. With it the plan says that its dates have passed; an executor
            has no clock.
        notes: the learner's own words, printed in the plan.
    """

    topic: Annotated[str, Field(max_length=MAX_TOPIC)]
    skill_level: SkillLevel
    weekly_hours: Annotated[int, Field(ge=1, le=80)]
    learning_style: LearningStyle
    start_date: datetime | None = None
    deadline_date: datetime | None = None
    today: Annotated[str | None, Field(pattern=r"^\d{4}-\d\d-\d\d$")] = None
    notes: Annotated[str, Field(max_length=MAX_NOTES)] = ""

    @field_validator("topic")
    @classmethod
    def _topic_says_something(cls, topic: str) -> str:
        squeezed = " ".join(topic.split())
        seen = "".join(character for character in squeezed if not _is_invisible(character))
        if len(" ".join(seen.split())) < MIN_TOPIC:
            msg = f"expected at least {MIN_TOPIC} characters that can be seen"
            raise ValueError(msg)
        return squeezed

    @field_validator("today")
    @classmethod
    def _is_a_day(cls, given: str | None) -> str | None:
        if given is not None:
            date.fromisoformat(given)
        return given

    @field_validator("start_date", "deadline_date", mode="before")
    @classmethod
    def _is_a_date_time(cls, given: Any) -> datetime:
        if isinstance(given, str) and _DATE_TIME.fullmatch(given):
            with suppress(ValueError, OverflowError):
                at = datetime.fromisoformat(given.upper().replace(",", "."))
                at = at if at.tzinfo else at.replace(tzinfo=UTC)
                at.astimezone(UTC)  # raises where it leaves the calendar
                return at
        msg = "expected an ISO 8601 date-time such as 2026-01-31T09:00:00Z, or null"
        raise ValueError(msg)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc"} or character in _BLANKS


def plan_inputs(given: Mapping[str, Any]) -> PlanInputs:
    """The inputs, checked.

    Raises:
        InvalidInput: names the first wrong one.
    """
    known = {str(field.alias) for field in PlanInputs.model_fields.values()}
    inputs = validated(PlanInputs, {name: value for name, value in given.items() if value is not None or name not in known})
    topic, notes = checked(inputs.topic, "inputs.topic"), checked(inputs.notes, "inputs.notes")
    return inputs.model_copy(update={"topic": topic, "notes": notes.strip()})
