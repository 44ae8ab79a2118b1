"""``plan.json``, version 1: what a plan holds, and what must hold in every plan.

``plan.schema.json`` is generated from these models, and a test keeps the two equal. A provider writes a ``Curriculum``;
totals, dates and weeks are computed from it (``assembling``), so that they add up with any provider.
"""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - pydantic reads them at run time
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema  # noqa: TC002 - as above

from regen_executors.plan.inputs import LearningStyle, SkillLevel  # noqa: TC001 - pydantic reads them at run time

SCHEMA_VERSION: Final = 1
MIN_LESSON_MINUTES: Final = 20
MAX_LESSON_MINUTES: Final = 600

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
DraftId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,96}$")]
"""Short enough that a hyphen and a lesson's number fit an ``Id``."""
Line = Annotated[str, Field(min_length=1, max_length=2000)]


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class Resource(_Part):
    """Something to learn from. ``url`` is null where a search for the title finds it best."""

    kind: Literal["reading", "video", "practice"]
    title: Line
    url: Annotated[str, Field(pattern=r"^https://\S+$", max_length=2000)] | None


class Step(_Part):
    """A part of a lesson: what to do, and for how many minutes."""

    kind: Literal["read", "watch", "practise", "review"]
    minutes: Annotated[int, Field(ge=5, le=MAX_LESSON_MINUTES)]
    text: Line


class DraftLesson(_Part):
    """A lesson as a provider writes it. ``check`` says how the learner knows that it is learnt; an optional lesson is the
    first to go when a deadline is near.
    """

    title: Line
    objective: Line
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=12)]
    check: Line
    optional: bool


class DraftModule(_Part):
    """A module as a provider writes it. ``prerequisites`` are ids of modules that come before it."""

    id: DraftId
    title: Line
    goal: Line
    prerequisites: Annotated[tuple[Id, ...], Field(max_length=20)]
    lessons: Annotated[tuple[DraftLesson, ...], Field(min_length=1, max_length=30)]
    resources: Annotated[tuple[Resource, ...], Field(min_length=1, max_length=12)]
    whole: SkipJsonSchema[bool] = False
    """Whether it is left out as a whole, as a project is, where a deadline is near."""


class Curriculum(_Part):
    """What a provider answers: modules in the order in which they are learnt; ``assumed`` is known at this level already."""

    # Without a schema, like DraftModule.whole: a model that writes lessons is not asked for it.
    remarks: SkipJsonSchema[Annotated[tuple[Line, ...], Field(max_length=20)]] = ()
    """What the plan says at its head, such as that the topic is not known."""

    assumed: Annotated[tuple[Line, ...], Field(max_length=40)]
    modules: Annotated[tuple[DraftModule, ...], Field(min_length=1, max_length=40)]


class Lesson(_Part):
    """A lesson of a plan; its minutes are those of its steps. An optional lesson is the first to go when a deadline is near."""

    id: Id
    title: Line
    objective: Line
    minutes: Annotated[int, Field(ge=MIN_LESSON_MINUTES, le=MAX_LESSON_MINUTES)]
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=12)]
    check: Line
    optional: bool


class Module(_Part):
    """A module of a plan; its minutes are those of its lessons."""

    id: Id
    title: Line
    goal: Line
    prerequisites: tuple[Id, ...]
    minutes: Annotated[int, Field(ge=MIN_LESSON_MINUTES)]
    lessons: Annotated[tuple[Lesson, ...], Field(min_length=1)]
    resources: Annotated[tuple[Resource, ...], Field(min_length=1)]


class Session(_Part):
    """A lesson, or part ``part`` of its ``parts``, in a week."""

    lesson: Id
    part: Annotated[int, Field(ge=1)]
    parts: Annotated[int, Field(ge=1)]
    minutes: Annotated[int, Field(ge=1)]


class Week(_Part):
    """A week of the schedule; the first day and the last one are null in a plan without a start."""

    number: Annotated[int, Field(ge=1)]
    starts_on: date | None
    ends_on: date | None
    minutes: Annotated[int, Field(ge=1)]
    sessions: Annotated[tuple[Session, ...], Field(min_length=1)]


class Provider(_Part):
    """Who wrote the lessons; ``model`` is null for a catalogue."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    model: Line | None


class Totals(_Part):
    """Sums over the whole plan."""

    minutes: int
    modules: int
    lessons: int
    weeks: int


class Omitted(_Part):
    """A lesson that the deadline leaves no room for."""

    module: Line
    title: Line
    minutes: int


class Scope(_Part):
    """Whether lessons were left out for the deadline, which ones, and by what rule."""

    reduced: bool
    explanation: Line
    omitted: tuple[Omitted, ...]


class Plan(_Part):
    """A learning plan: what is learnt, how, and in which week."""

    schema_version: Literal[1]
    title: Line
    topic: Annotated[str, Field(min_length=3, max_length=500)]
    skill_level: SkillLevel
    learning_style: LearningStyle
    weekly_hours: Annotated[int, Field(ge=1, le=80)]
    start_date: datetime | None
    deadline_date: datetime | None
    start_by: date | None = Field(description="The latest first day that keeps the deadline, in a plan without a start.")
    notes: Annotated[str, Field(max_length=2000)]
    provider: Provider
    assumed: tuple[Line, ...]
    remarks: tuple[Line, ...] = Field(
        description="What the learner has to know first, such as a topic without lessons, or hours that are not realistic."
    )
    totals: Totals
    scope: Scope
    modules: Annotated[tuple[Module, ...], Field(min_length=1)]
    schedule: Annotated[tuple[Week, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique_and_prerequisites_come_first(self) -> Self:
        seen: set[str] = set()
        for module in self.modules:
            for wanted in module.prerequisites:
                if wanted not in seen:
                    msg = f"module {module.id}: expected its prerequisite {wanted!r} to be a module before it"
                    raise ValueError(msg)
            if module.id in seen:
                msg = f"module {module.id}: expected an id of its own"
                raise ValueError(msg)
            seen.add(module.id)
        return self

    @model_validator(mode="after")
    def _minutes_add_up(self) -> Self:
        lessons = {lesson.id: lesson for module in self.modules for lesson in module.lessons}
        scheduled = dict.fromkeys(lessons, 0)
        for week in self.schedule:
            for session in week.sessions:
                scheduled[session.lesson] = scheduled.get(session.lesson, 0) + session.minutes
        sums = [
            *((lesson.minutes, sum(step.minutes for step in lesson.steps)) for lesson in lessons.values()),
            *((module.minutes, sum(lesson.minutes for lesson in module.lessons)) for module in self.modules),
            *((week.minutes, sum(session.minutes for session in week.sessions)) for week in self.schedule),
            (self.totals.minutes, sum(module.minutes for module in self.modules)),
            (self.totals.minutes, sum(week.minutes for week in self.schedule)),
        ]
        if any(total != added for total, added in sums) or scheduled != {name: one.minutes for name, one in lessons.items()}:
            msg = "expected minutes that add up"
            raise ValueError(msg)
        return self
