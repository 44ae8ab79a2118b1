"""A curriculum and the inputs to a whole plan: ids, totals, scope, weeks and dates.

The rule for a deadline that leaves too little room, as documented: optional lessons go first, the last of them before the
others; then lessons from the end of the plan, a project as a whole. What remains therefore never needs what went.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from regen_executors.interface import InvalidInput
from regen_executors.plan.model import SCHEMA_VERSION, Lesson, Module, Omitted, Plan, Scope, Session, Totals, Week
from regen_executors.plan.schedule import DAYS, Weeks, pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regen_executors.plan.inputs import PlanInputs
    from regen_executors.plan.model import Curriculum, DraftModule, Provider
    from regen_executors.plan.schedule import Piece

DEADLINE: Final = "inputs.deadlineDate"
WHOLE: Final = "Every lesson of this plan fits."
REDUCED: Final = (
    "The deadline leaves no room for every lesson at this many hours a week. Optional lessons were left out first, then "
    "lessons from the end of the plan, a project only as a whole, so that nothing that remains needs what was left out."
)
MAX_DAILY_MINUTES: Final = 6 * 60
"""Minutes a day above which a plan warns that they are not realistic."""


def assembled(inputs: PlanInputs, curriculum: Curriculum, provider: Provider) -> Plan:
    """The plan.

    Raises:
        InvalidInput: the deadline leaves no room for a single lesson, or the plan leaves the calendar.
        ValueError: the curriculum breaks a rule of ``model``.
    """
    whole = tuple(_module(draft) for draft in curriculum.modules)
    at_once = frozenset(draft.id for draft in curriculum.modules if draft.whole)
    kept, pieces = _fitting(inputs, whole, at_once)
    omitted = tuple(_omitted(whole, kept))
    modules = tuple(_without(whole, kept))
    weeks = tuple(_weeks(inputs, pieces))
    minutes = sum(module.minutes for module in modules)
    return Plan(
        schema_version=SCHEMA_VERSION,
        title=f"{inputs.topic[0].upper()}{inputs.topic[1:]}: a learning plan",
        topic=inputs.topic,
        skill_level=inputs.skill_level,
        learning_style=inputs.learning_style,
        weekly_hours=inputs.weekly_hours,
        start_date=inputs.start_date,
        deadline_date=inputs.deadline_date,
        start_by=_start_by(inputs, len(weeks)),
        notes=inputs.notes,
        provider=provider,
        assumed=curriculum.assumed,
        remarks=(*_passed(inputs), *curriculum.remarks, *_unrealistic(inputs)),
        totals=Totals(minutes=minutes, modules=len(modules), lessons=len(kept), weeks=len(weeks)),
        scope=Scope(reduced=bool(omitted), explanation=REDUCED if omitted else WHOLE, omitted=omitted),
        modules=modules,
        schedule=weeks,
    )


def _module(draft: DraftModule) -> Module:
    lessons = []
    for number, lesson in enumerate(draft.lessons, start=1):
        minutes = sum(step.minutes for step in lesson.steps)
        lessons.append(
            Lesson(
                id=f"{draft.id}-{number}",
                title=lesson.title,
                objective=lesson.objective,
                minutes=minutes,
                steps=lesson.steps,
                check=lesson.check,
                optional=lesson.optional,
            )
        )
    return Module(
        id=draft.id,
        title=draft.title,
        goal=draft.goal,
        prerequisites=draft.prerequisites,
        minutes=sum(lesson.minutes for lesson in lessons),
        lessons=tuple(lessons),
        resources=draft.resources,
    )


def _fitting(inputs: PlanInputs, modules: Sequence[Module], at_once: frozenset[str]) -> tuple[frozenset[str], list[Piece]]:
    """The ids of the lessons that the weeks hold, and their pieces: what remains when as few as possible went.

    The modules in ``at_once`` go with all their lessons, or with none.
    """
    weeks = capacity(inputs)
    lessons = [lesson for module in modules for lesson in module.lessons]
    out: frozenset[str] = frozenset()
    for going in [frozenset[str](), *_steps(modules, at_once)]:
        out |= going
        kept = [(lesson.id, lesson.minutes) for lesson in lessons if lesson.id not in out]
        pieces = pack(kept, weeks) if kept else None
        if pieces is not None:
            return frozenset(name for name, _ in kept), pieces
    first = next((lesson for lesson in lessons if not lesson.optional), lessons[0])
    raise InvalidInput(
        DEADLINE,
        f"expected a deadline that leaves room for at least the first lesson ({first.minutes} minutes, at "
        f"{inputs.weekly_hours} hours a week), got one that does not; move it, or start earlier",
    )


def _steps(modules: Sequence[Module], at_once: frozenset[str]) -> list[frozenset[str]]:
    """What goes, step by step: ids of lessons that go together."""
    backward = [(module, lesson) for module in reversed(modules) for lesson in reversed(module.lessons)]
    optional = [frozenset({lesson.id}) for module, lesson in backward if lesson.optional and module.id not in at_once]
    needed: list[frozenset[str]] = []
    for module, lesson in backward:
        if module.id in at_once:
            together = frozenset(one.id for one in module.lessons)
            needed += [together] if not needed or needed[-1] != together else []
        elif not lesson.optional:
            needed.append(frozenset({lesson.id}))
    return [*optional, *needed]


def capacity(inputs: PlanInputs) -> Weeks:
    """The minutes that the learner has in each week.

    Raises:
        InvalidInput: the deadline lies before the start.
    """
    minutes = inputs.weekly_hours * 60
    if inputs.start_date is None or inputs.deadline_date is None:
        return Weeks(minutes)
    if inputs.deadline_date < inputs.start_date:
        raise InvalidInput(DEADLINE, "expected a time after startDate")
    return Weeks.between(minutes, inputs.start_date.date(), inputs.deadline_date.date())


def _passed(inputs: PlanInputs) -> tuple[str, ...]:
    """A remark on dates that lie before the learner's day."""
    if inputs.today is None:
        return ()
    today = date.fromisoformat(inputs.today)
    if inputs.deadline_date is not None and inputs.deadline_date.date() < today:
        return (f"The deadline of this plan, {inputs.deadline_date.date()}, has passed. Choose new dates.",)
    if inputs.start_date is not None and inputs.start_date.date() < today:
        return (f"This plan starts on {inputs.start_date.date()}, which has passed. Choose a new start, or catch up first.",)
    return ()


def _unrealistic(inputs: PlanInputs) -> tuple[str, ...]:
    """A remark on weekly hours that ask for more than most people can learn in a day."""
    daily = inputs.weekly_hours * 60 // 7
    if daily <= MAX_DAILY_MINUTES:
        return ()
    hours, minutes = divmod(daily // 5 * 5, 60)
    told = f"{hours} h {minutes} min" if minutes else f"{hours} h"
    remark = (
        f"{inputs.weekly_hours} hours a week are {told} a day, every day. That is not realistic for most people: choose fewer "
        "hours a week, or a later deadline."
    )
    return (remark,)


def _omitted(modules: Sequence[Module], kept: frozenset[str]) -> Iterator[Omitted]:
    for module in modules:
        for lesson in module.lessons:
            if lesson.id not in kept:
                yield Omitted(module=module.title, title=lesson.title, minutes=lesson.minutes)


def _without(modules: Sequence[Module], kept: frozenset[str]) -> Iterator[Module]:
    """The modules with the lessons that are kept; a module without any is gone, as a prerequisite too."""
    remaining = {module.id for module in modules if any(lesson.id in kept for lesson in module.lessons)}
    for module in modules:
        if module.id not in remaining:
            continue
        lessons = tuple(lesson for lesson in module.lessons if lesson.id in kept)
        update = {
            "lessons": lessons,
            "minutes": sum(lesson.minutes for lesson in lessons),
            "prerequisites": tuple(wanted for wanted in module.prerequisites if wanted in remaining),
        }
        yield module.model_copy(update=update)


def _weeks(inputs: PlanInputs, pieces: Sequence[Piece]) -> Iterator[Week]:
    first = inputs.start_date.date() if inputs.start_date is not None else None
    last = inputs.deadline_date.date() if inputs.deadline_date is not None else None
    for number, of_week in groupby(pieces, lambda piece: piece.week):
        sessions = tuple(
            Session(lesson=piece.lesson, part=piece.part, parts=piece.parts, minutes=piece.minutes) for piece in of_week
        )
        starts, ends = _days(first, last, number)
        minutes = sum(session.minutes for session in sessions)
        yield Week(number=number, starts_on=starts, ends_on=ends, minutes=minutes, sessions=sessions)


def _days(first: date | None, last: date | None, number: int) -> tuple[date | None, date | None]:
    """The first day of week ``number`` and its last one, which is no later than ``last``."""
    if first is None:
        return None, None
    try:
        starts = first + timedelta(days=DAYS * (number - 1))
        ends = starts + timedelta(days=DAYS - 1)
    except OverflowError as error:
        raise InvalidInput("inputs.startDate", "expected a date whose plan ends before the year 10000") from error
    return starts, ends if last is None else min(ends, last)


def _start_by(inputs: PlanInputs, weeks: int) -> date | None:
    if inputs.start_date is not None or inputs.deadline_date is None:
        return None
    try:
        return inputs.deadline_date.date() - timedelta(days=DAYS * weeks - 1)
    except OverflowError as error:
        raise InvalidInput(DEADLINE, "expected a date whose plan begins after the year 0") from error
