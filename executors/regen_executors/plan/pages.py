"""A plan as a printable PDF: the nodes that the document executor's ``page.typ`` draws."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from regen_executors.document.nodes import TEXT_SIZE, Room, text_nodes
from regen_executors.document.typesetting import typeset_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regen_executors.plan.model import Lesson, Module, Plan, Resource, Week

Node = dict[str, Any]

_KINDS: Final = {"read": "Read", "watch": "Watch", "practise": "Practise", "review": "Review"}
_RESOURCES: Final = {"reading": "to read", "video": "to watch", "practice": "to practise"}
_STYLES: Final = {"reading": "by reading", "video": "by video", "practice": "by practice", "mixed": "by a mix of ways"}
_WIDTH: Final = 459.0
"""The width of the text on an A4 page, in points."""


def pdf(plan: Plan) -> bytes:
    """The PDF: overview, schedule, then the modules with their lessons.

    The learner's words may be in any script. Characters that no font has are replaced, and the page lists them.
    """
    return typeset_plain(_document(plan), "inputs.topic")


def _document(plan: Plan) -> Node:
    week = "hour" if plan.weekly_hours == 1 else "hours"
    return {
        "title": plan.title,
        "heading": text_nodes(plan.title, Room(_WIDTH, 21)),
        "subtitle": _text(
            f"For {_article(plan.skill_level)}, {plan.weekly_hours} {week} a week, {_STYLES[plan.learning_style]}"
        ),
        "byline": _text(_dates(plan)) if _dates(plan) else [],
        "remarks": [_text(remark) for remark in plan.remarks],
        "authors": [],
        "lang": "en",
        "region": None,
        "paper": "a4",
        "justify": False,
        "toc": None,
        "headings": {},
        "body": [*_overview(plan), *_schedule(plan), *_modules(plan)],
    }


def _article(level: str) -> str:
    return {"beginner": "a beginner", "intermediate": "an intermediate learner", "advanced": "an advanced learner"}[level]


def _dates(plan: Plan) -> str:
    parts = []
    if plan.start_date is not None:
        parts.append(f"from {plan.start_date.date().isoformat()}")
    if plan.deadline_date is not None:
        parts.append(f"to be done by {plan.deadline_date.date().isoformat()}")
    if plan.start_by is not None:
        parts.append(f"start by {plan.start_by.isoformat()} at the latest")
    return ", ".join(parts)


def _overview(plan: Plan) -> list[Node]:
    totals = plan.totals
    summary = (
        f"{_hours(totals.minutes)} in {_counted(totals.weeks, 'week')}: {_counted(totals.lessons, 'lesson')} in "
        f"{_counted(totals.modules, 'module')}. {plan.scope.explanation}"
    )
    nodes = [_paragraph(summary)]
    if plan.scope.omitted:
        nodes += [
            _paragraph("Left out:"),
            _bullets(f"{one.title} ({one.module}), {_hours(one.minutes)}" for one in plan.scope.omitted),
        ]
    if plan.assumed:
        nodes += [_paragraph("This plan takes for granted that you know:"), _bullets(plan.assumed)]
    if plan.notes:
        nodes += [_heading(1, "Your notes", "notes")]
        nodes += [_paragraph(" ".join(part.split())) for part in re.split(r"\n\s*\n", plan.notes)]
    return nodes


def _schedule(plan: Plan) -> list[Node]:
    titles = {lesson.id: lesson.title for module in plan.modules for lesson in module.lessons}
    cells: list[list[Node]] = []
    for week in plan.schedule:
        lessons = [_session(titles[session.lesson], session) for session in week.sessions]
        cells += [_text(_week(week)), [_plain_list(lessons)], _text(_hours(week.minutes))]
    head = [_text("Week"), _text("Lessons"), _text("Time")]
    return [
        _heading(1, "The schedule", "schedule"),
        {
            "kind": "table",
            "size": TEXT_SIZE,
            "turned": False,
            "tables": [{"columns": 3, "align": ["left", "left", "right"], "head": head, "cells": cells}],
        },
    ]


def _week(week: Week) -> str:
    if week.starts_on is None or week.ends_on is None:
        return str(week.number)
    return f"{week.number} ({week.starts_on.isoformat()} to {week.ends_on.isoformat()})"


def _session(title: str, session: Any) -> str:
    part = f", part {session.part} of {session.parts}" if session.parts > 1 else ""
    return f"{title}{part} ({session.minutes} min)"


def _modules(plan: Plan) -> list[Node]:
    titles = {module.id: module.title for module in plan.modules}
    nodes: list[Node] = []
    for number, module in enumerate(plan.modules, start=1):
        nodes += _module(number, module, titles)
    return nodes


def _module(number: int, module: Module, titles: dict[str, str]) -> list[Node]:
    after = f" Comes after: {'; '.join(titles[name] for name in module.prerequisites)}." if module.prerequisites else ""
    nodes = [
        _heading(1, f"{number}. {module.title}", module.id),
        _paragraph(f"{module.goal} {_hours(module.minutes)}.{after}"),
        {"kind": "bullets", "tight": True, "items": [_resource(one) for one in module.resources]},
    ]
    for place, lesson in enumerate(module.lessons, start=1):
        nodes += _lesson(f"{number}.{place}", lesson)
    return nodes


def _resource(one: Resource) -> list[Node]:
    start = {"kind": "text", "text": f"{_RESOURCES[one.kind].capitalize()}: "}
    name = _text(one.title)
    return [start, *(name if one.url is None else [{"kind": "link", "url": one.url, "body": name}])]


def _lesson(number: str, lesson: Lesson) -> list[Node]:
    optional = ", optional" if lesson.optional else ""
    return [
        _heading(2, f"{number} {lesson.title} ({lesson.minutes} min{optional})", lesson.id),
        _paragraph(lesson.objective),
        {
            "kind": "numbers",
            "tight": True,
            "start": 1,
            "items": [_labelled(f"{_KINDS[step.kind]} ({step.minutes} min). ", step.text) for step in lesson.steps],
        },
        {"kind": "paragraph", "body": _labelled("You are done when: ", lesson.check)},
    ]


def _labelled(label: str, text: str) -> list[Node]:
    return [{"kind": "strong", "body": _text(label)}, *_text(text)]


def _heading(level: int, text: str, anchor: str) -> Node:
    return {"kind": "heading", "level": level, "anchor": anchor, "body": _text(text)}


def _paragraph(text: str) -> Node:
    return {"kind": "paragraph", "body": _text(text)}


def _bullets(texts: Iterable[str]) -> Node:
    return {"kind": "bullets", "tight": True, "items": [_text(text) for text in texts]}


def _plain_list(texts: list[str]) -> Node:
    body: list[Node] = []
    for text in texts:
        body += [*([{"kind": "break"}] if body else []), *_text(text)]
    return {"kind": "plain", "body": body}


def _text(text: str) -> list[Node]:
    return text_nodes(text, Room(_WIDTH, TEXT_SIZE * 1.3))


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest else "") if part)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
