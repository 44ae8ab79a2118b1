"""Plans as the wire shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from regen_api import wire
from regen_api.jobs.views import Output
from regen_api.plans.overrides import Overrides
from regen_api.plans.state import PlanStatus


class RegenerateRequest(wire.Request):
    """What to change for this one time."""

    overrides: Annotated[Overrides, Field(examples=[{"topic": "interview prep", "weeklyHours": 6}])] = {}  # noqa: RUF012


class Regenerating(wire.Answer):
    """The job that was made. `generationId` is its id among the regeneration jobs."""

    generation_id: Annotated[str, Field(examples=["3f0c5b6a0d8e4a55b1f0a9d6c7e8f901"])]
    plan_id: Annotated[str, Field(examples=["plan-1"])]
    status: Literal["pending"] = "pending"


class Reason(wire.Answer):
    """Why the latest job failed."""

    classification: Annotated[str | None, Field(examples=["timeout"])]
    message: str | None
    retryable: Annotated[bool, Field(description="Whether asking again may help.")]


class ReadyOutput(wire.Answer):
    """What the latest successful job made. It stays while a later job waits, and when a later job fails."""

    generation_id: str
    completed_at: wire.Stamp
    files: list[Output]


class PlanState(wire.Answer):
    """How it stands with a plan, derived from its jobs."""

    plan_id: str
    status: Annotated[PlanStatus, Field(description="`none` until the first regeneration.")]
    generation_id: Annotated[str | None, Field(description="The latest job.")]
    requested_at: wire.Stamp | None
    reason: Annotated[Reason | None, Field(description="Only when failed.")]
    output: ReadyOutput | None
