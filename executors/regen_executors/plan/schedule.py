"""Lessons into weeks: in order, none above its capacity, none empty.

A lesson that does not fit what is left of a week is split, but never into pieces shorter than ``MIN_PIECE`` minutes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

MIN_PIECE: Final = 20
DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Piece:
    """``minutes`` of the lesson of that id, in week ``week`` (from 1), as part ``part`` of ``parts``."""

    lesson: str
    week: int
    minutes: int
    part: int
    parts: int


@dataclass(frozen=True, slots=True)
class Weeks:
    """How many minutes the weeks hold: ``full`` each, for ``count`` weeks (None: for ever), then one short week of ``last``."""

    full: int
    count: int | None = None
    last: int = 0

    @classmethod
    def between(cls, weekly_minutes: int, first: date, last: date) -> Weeks:
        """The weeks from day ``first`` to day ``last``, both included; a short week at the end holds its share, in fives."""
        weeks, days = divmod((last - first).days + 1, DAYS)
        return cls(weekly_minutes, max(0, weeks), weekly_minutes * days // DAYS // 5 * 5 if weeks >= 0 else 0)

    def capacity(self, week: int) -> int:
        """The minutes of week ``week``, counted from 1; 0 beyond the last."""
        if self.count is None or week <= self.count:
            return self.full
        return self.last if week == self.count + 1 else 0


def pack(lessons: Sequence[tuple[str, int]], weeks: Weeks) -> list[Piece] | None:
    """``lessons`` (id, minutes) in their order as pieces; None where the weeks do not hold them all."""
    placed: list[tuple[str, int, int]] = []
    week, room = 1, weeks.capacity(1)
    for lesson, minutes in lessons:
        rest = minutes
        while rest:
            piece = _piece(rest, room)
            if piece == 0:
                week, room = week + 1, weeks.capacity(week + 1)
                if room < MIN_PIECE:
                    return None
                continue
            placed.append((lesson, week, piece))
            rest, room = rest - piece, room - piece
    return _numbered(placed)


def _piece(rest: int, room: int) -> int:
    """How much of ``rest`` goes into ``room``; what remains is 0 or a piece of its own."""
    if rest <= room:
        return rest
    piece = min(room, rest - MIN_PIECE)
    return piece if piece >= MIN_PIECE else 0


def _numbered(placed: list[tuple[str, int, int]]) -> list[Piece]:
    parts = Counter(lesson for lesson, _, _ in placed)
    numbers = {lesson: count(1) for lesson in parts}
    return [Piece(lesson, week, minutes, next(numbers[lesson]), parts[lesson]) for lesson, week, minutes in placed]
