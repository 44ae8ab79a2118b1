"""The catalogue: one TOML file for each topic in ``topics/``, and one for any other topic.

A lesson's ``minutes`` are those at the three levels; 0 means that the level does not need it. ``methods.toml`` says, by
learning style and level, what a lesson's minutes are spent on and which resources are named.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from regen_executors.plan.inputs import LearningStyle, SkillLevel  # noqa: TC001 - pydantic reads them at run time

LEVELS: Final[tuple[SkillLevel, ...]] = ("beginner", "intermediate", "advanced")
TOPICS: Final = (
    "python",
    "python-data",
    "sql",
    "web",
    "machine-learning",
    "interview-prep",
    "statistics",
    "spanish",
    "public-speaking",
)
GENERIC: Final = "generic"

ENTRY = TypeVar("ENTRY", bound="_Entry")


class _Entry(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class LessonEntry(_Entry):
    """A lesson. ``task`` is what the learner does, ``check`` how to know that it is learnt."""

    title: str
    objective: str
    task: str
    check: str
    minutes: tuple[int, int, int]
    optional: bool = False


class ResourceEntry(_Entry):
    """Something to learn from."""

    title: str
    url: str | None = None


class ResourcesEntry(_Entry):
    """A module's resources by kind; each kind has one at least."""

    reading: Annotated[tuple[ResourceEntry, ...], Field(min_length=1)]
    video: Annotated[tuple[ResourceEntry, ...], Field(min_length=1)]
    practice: Annotated[tuple[ResourceEntry, ...], Field(min_length=1)]


class ModuleEntry(_Entry):
    """A module, with the ids of those that come before it. One that is ``whole`` is cut as a whole or not at all."""

    id: str
    title: str
    goal: str
    requires: tuple[str, ...] = ()
    whole: bool = False
    lessons: Annotated[tuple[LessonEntry, ...], Field(min_length=1)]
    resources: ResourcesEntry


class TopicEntry(_Entry):
    """A topic.

    Attributes:
        title: its name, as the plan tells it.
        phrases: the words by which a learner names it, in lower case, in any language.
        related: the words for what builds on it and has no lessons of its own; the plan says so.
        modules: what is learnt.
    """

    title: str
    phrases: tuple[str, ...]
    related: tuple[str, ...] = ()
    modules: Annotated[tuple[ModuleEntry, ...], Field(min_length=1)]


class StepEntry(_Entry):
    """A part of every lesson: ``share`` of its minutes, in percent. ``text`` has the places {title}, {objective}, {task}."""

    kind: Literal["read", "watch", "practise", "review"]
    share: int
    text: dict[SkillLevel, str]


class MethodEntry(_Entry):
    """How a learning style spends a lesson, and which kinds of resources it names, the most important first."""

    resources: tuple[Literal["reading", "video", "practice"], ...]
    steps: Annotated[tuple[StepEntry, ...], Field(min_length=1)]


class MethodsEntry(_Entry):
    """All learning styles, and how the lessons of a research plan are spent in any style."""

    styles: dict[LearningStyle, MethodEntry]
    research: Annotated[tuple[StepEntry, ...], Field(min_length=1)]


@cache
def topic(name: str) -> TopicEntry:
    """The topic of that name: one of ``TOPICS``, or ``GENERIC``."""
    return TopicEntry.model_validate(_toml(name))


@cache
def methods() -> MethodsEntry:
    """The learning styles."""
    return MethodsEntry.model_validate(_toml("methods"))


def _toml(name: str) -> dict[str, Any]:
    text = files("regen_plan_catalogue").joinpath("topics", f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)
