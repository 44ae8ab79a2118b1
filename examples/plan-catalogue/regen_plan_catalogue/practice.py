"""More practice for the time that a plan's lessons leave until its deadline: spaced reviews, and projects.

A review of a module comes at the end of the module after it, and again two modules later. What is still left then is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regen_executors.plan.assembling import capacity
from regen_executors.plan.model import DraftLesson, DraftModule, Resource, Step
from regen_executors.plan.schedule import MIN_PIECE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regen_executors.plan.inputs import PlanInputs

_REVIEW_MINUTES: Final = 30
_PROJECT_MINUTES: Final = 180
_LEAST_SPARE: Final = 60
_SPACING: Final = (1, 3)
"""After how many modules a module is reviewed, the first time and the second."""

_PROJECTS: Final = (
    ("Your project once more, with other material", "Do the project of this plan again with other material, in half the time."),
    ("A problem of someone you know", "Ask someone for a problem that what you learnt can solve, solve it, and hand it over."),
    (
        "Rebuild something good",
        "Choose a finished piece of someone else's work, rebuild it without its instructions, and compare.",
    ),
    ("Teach one lesson", "Choose the lesson that was hardest for you, prepare it for a beginner, and teach it to one."),
    ("Two modules in one piece", "Make one piece of work that needs what you learnt in two modules that are far apart."),
    ("Your first work, improved", "Take the first thing you made in this plan, collect three criticisms, and do it again."),
)


def extended(inputs: PlanInputs, modules: Sequence[DraftModule]) -> tuple[list[DraftModule], list[str]]:
    """The modules with reviews and projects in the time that is left, and a remark on what is left after them."""
    if inputs.start_date is None or inputs.deadline_date is None:
        return list(modules), []
    weeks = capacity(inputs)
    room = weeks.full * (weeks.count or 0) + weeks.last
    # A week may end with less than the shortest piece of a lesson.
    spare = room - MIN_PIECE * (weeks.count or 0) - sum(_minutes(module) for module in modules)
    if spare < _LEAST_SPARE:
        return list(modules), []
    made, spare = _with_reviews(modules, spare)
    projects = [_project(title, task) for title, task in _PROJECTS[: spare // _PROJECT_MINUTES]]
    if projects:
        made.append(_practice(projects, modules[-1]))
    return made, _left(inputs, room, sum(_minutes(module) for module in made))


def _left(inputs: PlanInputs, room: int, used: int) -> list[str]:
    """A remark where more than two weeks' time is left."""
    if room - used <= 2 * inputs.weekly_hours * 60:
        return []
    remark = (
        f"Until the deadline you have {room // 60} hours; this plan uses {used // 60} of them, reviews and projects included. "
        "The catalogue has no more lessons on this topic at this level: use the rest where you need more practice, or choose "
        "an earlier deadline."
    )
    return [remark]


def _with_reviews(modules: Sequence[DraftModule], spare: int) -> tuple[list[DraftModule], int]:
    made: list[DraftModule] = []
    for place, module in enumerate(modules):
        earlier = [modules[place - gap] for gap in _SPACING if place >= gap]
        wanted = [_review(one) for one in earlier] if not module.whole else []
        reviews = wanted[: min(spare // _REVIEW_MINUTES, 30 - len(module.lessons))]
        spare -= _REVIEW_MINUTES * len(reviews)
        made.append(module.model_copy(update={"lessons": (*module.lessons, *reviews)}))
    return made, spare


def _review(module: DraftModule) -> DraftLesson:
    return DraftLesson(
        title=f"Review: {module.title}",
        objective="Recall what you learnt before you forget it.",
        steps=(
            Step(
                kind="review",
                minutes=15,
                text=f"Write down from memory the main points of “{module.title}”, then check your notes.",
            ),
            Step(kind="practise", minutes=15, text="Do the task of that module that was hardest for you again, without notes."),
        ),
        check="You filled every gap that the review showed.",
        optional=True,
    )


def _practice(projects: Sequence[DraftLesson], last: DraftModule) -> DraftModule:
    return DraftModule(
        id="more-practice",
        title="More practice",
        goal="You use what you learnt on work of your own, until it is a habit.",
        prerequisites=(last.id,),
        lessons=tuple(projects),
        resources=(Resource(kind="practice", title="Your own work in this plan", url=None),),
    )


def _project(title: str, task: str) -> DraftLesson:
    return DraftLesson(
        title=title,
        objective="Use what you learnt without a lesson to follow.",
        steps=(
            Step(kind="practise", minutes=150, text=task),
            Step(
                kind="review",
                minutes=30,
                text="Show the result to someone, and write down what you will do differently next time.",
            ),
        ),
        check="Someone else has seen the result and told you what they think of it.",
        optional=True,
    )


def _minutes(module: DraftModule) -> int:
    return sum(step.minutes for lesson in module.lessons for step in lesson.steps)
