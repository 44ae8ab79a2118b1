"""What a request may change of a plan's input, for this one job (docs/api.md)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from typing_extensions import TypedDict

from regen_api import wire

MIN_TOPIC: Final = 3
MAX_TOPIC: Final = 500
MAX_NOTES: Final = 2000
MIN_HOURS: Final = 1
MAX_HOURS: Final = 80

SkillLevel = Literal["beginner", "intermediate", "advanced"]
LearningStyle = Literal["reading", "video", "practice", "mixed"]

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


def _topic(text: str) -> str:
    trimmed = text.strip()
    if len(trimmed) < MIN_TOPIC:
        msg = f"expected at least {MIN_TOPIC} characters, apart from space around them"
        raise ValueError(msg)
    return trimmed


def as_utc(text: str) -> str:
    """An ISO 8601 date-time as UTC in milliseconds; without an offset it is UTC already.

    Raises:
        ValueError: it is no date-time, or lies outside the years 1 to 9999.
    """
    try:
        if _DATE_TIME.fullmatch(text):
            at = datetime.fromisoformat(text.upper().replace(",", "."))
            return wire.as_utc_text(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        pass
    msg = "expected an ISO 8601 date-time such as 2026-01-31T09:00:00Z, or null"
    raise ValueError(msg)


Text = Annotated[str, AfterValidator(wire.storable)]
Topic = Annotated[
    Text,
    AfterValidator(_topic),
    Field(max_length=MAX_TOPIC, description="Three characters or more.", examples=["interview prep"]),
    WithJsonSchema(
        {"type": "string", "minLength": MIN_TOPIC, "maxLength": MAX_TOPIC, "pattern": r"^[^\s\u0000][^\u0000]+[^\s\u0000]$"}
    ),
]
Notes = Annotated[
    Text,
    Field(max_length=MAX_NOTES),
    WithJsonSchema({"type": "string", "maxLength": MAX_NOTES, "pattern": r"^[^\u0000]*$"}),
]
Hours = Annotated[int, Field(ge=MIN_HOURS, le=MAX_HOURS), BeforeValidator(wire.whole_number)]
Date = Annotated[str, AfterValidator(as_utc), WithJsonSchema({"type": "string", "format": "date-time"})]


class Overrides(TypedDict, total=False):
    """Any of a plan's inputs; what is not given stays as the plan has it. `null` clears a date."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc] # pydantic's documented way

    topic: Topic
    notes: Notes
    skillLevel: SkillLevel
    weeklyHours: Hours
    learningStyle: LearningStyle
    startDate: Date | None
    deadlineDate: Date | None
