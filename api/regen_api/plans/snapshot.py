"""The plan as it is now and what the request overrides, merged into an instruction: the job reads no user data later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from regen_api.plans.overrides import Overrides
from regen_api.problems import Problem, conflict, invalid
from regen_api.wire import as_utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping

JOB_TYPE: Final = "plan_regeneration"
_INPUTS: Final = TypeAdapter(Overrides)


@dataclass(frozen=True, slots=True)
class PlanInput:
    """A plan's columns that an instruction is made of, as the database has them."""

    topic: str
    skill_level: str
    weekly_hours: int
    learning_style: str
    start_date: datetime | date | None
    deadline_date: datetime | date | None
    notes: str | None

    def as_json(self) -> dict[str, Any]:
        """By the names of the wire."""
        return {
            "topic": self.topic,
            "skillLevel": self.skill_level,
            "weeklyHours": self.weekly_hours,
            "learningStyle": self.learning_style,
            "startDate": _text(self.start_date),
            "deadlineDate": _text(self.deadline_date),
            "notes": self.notes,
        }


def instruction(plan: PlanInput, overrides: Overrides) -> dict[str, Any]:
    """``instructionJson``, version 1; what is null is left out, so that equal inputs are equal bytes.

    Args:
        plan: as it is.
        overrides: those that the request names, checked.

    Raises:
        Problem: 409 where the plan itself holds a value that no request may give and that is not overridden; 400 where an
            overridden date makes the deadline no later than the start.
    """
    merged = {name: value for name, value in (plan.as_json() | dict(overrides)).items() if value is not None}
    try:
        inputs = _INPUTS.validate_python(merged)
    except ValidationError as error:
        raise _unfit(error.errors(include_url=False, include_input=False)[0]) from error
    missing = [name for name in ("topic", "skillLevel", "weeklyHours", "learningStyle") if name not in inputs]
    if missing:
        raise conflict(
            "plan-unfit", f"plan.{missing[0]}: expected a value, got none; the plan has to be mended, or it overridden"
        )
    start, deadline = inputs.get("startDate"), inputs.get("deadlineDate")
    if start is not None and deadline is not None and deadline <= start:
        message = "expected a time after the start date"
        if overrides.keys() & {"startDate", "deadlineDate"}:
            raise invalid("overrides.deadlineDate", message)
        raise conflict("plan-unfit", f"plan.deadlineDate: {message}; the plan has to be mended, or it overridden")
    return {"type": JOB_TYPE, "version": 1, "inputs": inputs}


def _unfit(error: Mapping[str, Any]) -> Problem:
    field = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    return conflict("plan-unfit", f"plan.{field}: {message}; the plan has to be mended, or it overridden")


def _text(at: datetime | date | None) -> str | None:
    if at is None:
        return None
    return as_utc_text(at if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=UTC))
