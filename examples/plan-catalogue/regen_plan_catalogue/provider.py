"""The provider ``catalogue``: the same inputs give the same lessons, without a network and without a clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from regen_executors.plan.model import Curriculum, DraftLesson, DraftModule, Provider, Resource, Step
from regen_plan_catalogue.catalogue import GENERIC, LEVELS, TOPICS, methods, topic
from regen_plan_catalogue.matching import named_subject, subjects
from regen_plan_catalogue.practice import extended

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_executors.plan.inputs import PlanInputs, SkillLevel
    from regen_plan_catalogue.catalogue import LessonEntry, MethodEntry, ModuleEntry, ResourcesEntry, TopicEntry

GRAIN: Final = 5
"""Minutes are multiples of this."""


class CatalogueProvider:
    """Builds a curriculum from the catalogue. A topic that it does not know gets a research plan."""

    @property
    def about(self) -> Provider:
        """``catalogue``, which has no model."""
        return Provider(name="catalogue", model=None)

    def curriculum(self, inputs: PlanInputs) -> Curriculum:
        """The modules of every subject that the topic names, one subject after the other; more practice where time is left."""
        found = subjects(inputs.topic)
        assumed: list[str] = []
        remarks: list[str] = []
        modules: list[DraftModule] = []
        for number, subject in enumerate(found, start=1):
            prefix = f"s{number}-" if len(found) > 1 else ""
            named = named_subject(subject.words)
            writing = _Writing(inputs, named, prefix, is_research=subject.topic is None)
            entry = topic(subject.topic or GENERIC)
            modules += writing.modules(entry)
            assumed += writing.assumed(entry)
            remarks += subject.remarks if subject.topic is not None else [_unknown(named)]
        modules, spare = extended(inputs, modules)
        return Curriculum(assumed=tuple(assumed), remarks=(*remarks, *spare), modules=tuple(modules))


def _unknown(subject: str) -> str:
    known = ", ".join(topic(name).title for name in TOPICS)
    return (
        f"The catalogue has no lessons on “{subject}”. This is a research plan: it says how to find, order and practise what "
        f"there is to learn, and leaves the content to sources that you choose. The catalogue has lessons on: {known}."
    )


class _Writing:
    """The modules of one subject at one level and in one style. ``{topic}`` stands for the subject's words."""

    def __init__(self, inputs: PlanInputs, subject: str, prefix: str, *, is_research: bool) -> None:
        self._level: SkillLevel = inputs.skill_level
        self._method: MethodEntry = methods().styles[inputs.learning_style]
        self._steps = methods().research if is_research else self._method.steps
        self._places: Mapping[str, str] = {"topic": subject}
        self._prefix = prefix

    def modules(self, entry: TopicEntry) -> list[DraftModule]:
        """Those with a lesson at this level, in an order in which each follows its prerequisites."""
        present = {module.id for module in entry.modules if self._lessons(module)}
        return [self._module(module, entry, present) for module in _ordered(entry.modules) if module.id in present]

    def assumed(self, entry: TopicEntry) -> list[str]:
        """The titles of the lessons that are for lower levels only."""
        return [
            _filled(lesson.title, self._places)
            for module in entry.modules
            for lesson in module.lessons
            if not self._minutes(lesson) and any(lesson.minutes[: LEVELS.index(self._level)]) and not lesson.optional
        ]

    def _module(self, module: ModuleEntry, entry: TopicEntry, present: set[str]) -> DraftModule:
        wanted = _present_prerequisites(module, entry, present)
        return DraftModule(
            id=self._prefix + module.id,
            title=_filled(module.title, self._places),
            goal=_filled(module.goal, self._places),
            prerequisites=tuple(self._prefix + name for name in wanted),
            lessons=tuple(self._lesson(lesson) for lesson in self._lessons(module)),
            resources=self._resources(module.resources),
            whole=module.whole,
        )

    def _lessons(self, module: ModuleEntry) -> list[LessonEntry]:
        return [lesson for lesson in module.lessons if self._minutes(lesson)]

    def _minutes(self, lesson: LessonEntry) -> int:
        return lesson.minutes[LEVELS.index(self._level)]

    def _lesson(self, lesson: LessonEntry) -> DraftLesson:
        texts = {name: _filled(getattr(lesson, name), self._places) for name in ("title", "objective", "task")}
        shares = [step.share for step in self._steps]
        steps = tuple(
            Step(kind=step.kind, minutes=minutes, text=_filled(step.text[self._level], texts))
            for step, minutes in zip(self._steps, _shared(self._minutes(lesson), shares), strict=True)
        )
        check = _filled(lesson.check, self._places)
        return DraftLesson(
            title=texts["title"], objective=texts["objective"], steps=steps, check=check, optional=lesson.optional
        )

    def _resources(self, given: ResourcesEntry) -> tuple[Resource, ...]:
        return tuple(
            Resource(kind=kind, title=_filled(one.title, self._places), url=one.url)
            for kind in self._method.resources
            for one in getattr(given, kind)
        )


def _ordered(modules: tuple[ModuleEntry, ...]) -> list[ModuleEntry]:
    """The modules, each after those that it requires, otherwise as the catalogue lists them.

    Raises:
        ValueError: two require each other, or one requires what there is not.
    """
    ordered: list[ModuleEntry] = []
    waiting = list(modules)
    while waiting:
        done = {module.id for module in ordered}
        ready = next((module for module in waiting if done.issuperset(module.requires)), None)
        if ready is None:
            msg = f"catalogue: expected modules that can be put in order, got {[module.id for module in waiting]}"
            raise ValueError(msg)
        ordered.append(ready)
        waiting.remove(ready)
    return ordered


def _present_prerequisites(module: ModuleEntry, entry: TopicEntry, present: set[str]) -> list[str]:
    """What ``module`` requires; what is absent at this level is replaced by what it requires itself."""
    by_id = {one.id: one for one in entry.modules}
    found: list[str] = []
    asked = list(module.requires)
    while asked:
        name = asked.pop(0)
        if name in present:
            found.append(name)
        else:
            asked += by_id[name].requires
    return list(dict.fromkeys(found))


def _shared(minutes: int, shares: list[int]) -> list[int]:
    """``minutes`` by ``shares`` in multiples of ``GRAIN``, each ``GRAIN`` at the least, that add up to ``minutes``.

    By largest remainder, the earlier share first where two are equal.
    """
    units = minutes // GRAIN
    exact = [units * share / sum(shares) for share in shares]
    given = [max(1, int(value)) for value in exact]
    while sum(given) < units:
        index = max(range(len(given)), key=lambda at: (exact[at] - given[at], -at))
        given[index] += 1
    while sum(given) > units:
        index = max(range(len(given)), key=lambda at: (given[at] - exact[at], at) if given[at] > 1 else (float("-inf"), at))
        given[index] -= 1
    return [unit * GRAIN for unit in given]


def _filled(text: str, places: Mapping[str, str]) -> str:
    """``text`` with its ``{name}`` places filled; what is filled in is not looked at again."""
    filled = re.sub(r"\{(\w+)\}", lambda found: places[found[1]], text)
    return filled if not filled[0].islower() else filled[0].upper() + filled[1:]
