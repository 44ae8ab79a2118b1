"""How a table fits the page: the size of its type, a turned page, broken words, or several tables of fewer columns.

Typst neither shrinks a table nor breaks a word that has no hyphenation, so widths are decided here. Words are measured with
Noto Sans, which is wider than the fonts of the PDF.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from PIL import ImageFont

from regen_executors.fonts import fallback_fonts

if TYPE_CHECKING:
    from collections.abc import Sequence

CELL_INSET: Final = 10.0
"""Points left and right of a cell's text, together."""

MIN_COLUMN: Final = 34.0
"""The narrowest column in points that still reads: some six letters of the smallest type."""

_LONGEST_WORD: Final = 14.0
"""Ems of a word beyond which it breaks rather than turns the page: a URL or a digest is no reason to."""

_SIZES: Final = (10.5, 9.5, 8.5, 7.5)
_SMALLEST: Final = 7.0
_TURNED_SIZES: Final = (9.5, 8.5, 7.5)
_EM: Final = 200
_BOLD: Final = 1.08
_FALLBACK_WIDTH: Final = 1.35
"""Ems of a character that Noto Sans lacks: an emoji is that wide."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A table as it is drawn. ``widths`` are in points, or None where Typst chooses; ``groups`` are the columns of each table.

    ``turned`` says whether it stands on a page turned to landscape.
    """

    size: float
    turned: bool
    groups: tuple[tuple[int, ...], ...]
    widths: tuple[tuple[float, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """What a column needs, in ems: its longest word, and its longest cell on one line."""

    word: float
    cell: float


def fitted(columns: Sequence[Column], portrait: float, landscape: float | None) -> Layout:
    """The layout of a table; ``landscape`` is None where the table cannot stand on a page of its own."""
    everything = (tuple(range(len(columns))),)
    for turned, width, sizes in ((False, portrait, _SIZES), (True, landscape, _TURNED_SIZES)):
        for size in sizes if width is not None else ():
            if width is not None and sum(_least(column, size) for column in columns) <= width:
                return Layout(size, turned, everything, (_shared(columns, size, width),))
    turned = landscape is not None
    width = landscape if landscape is not None else portrait
    in_one = max(2, int(width // MIN_COLUMN))
    groups = _groups(len(columns), in_one)
    widths = tuple(_broken([columns[index] for index in group], _SMALLEST, width) for group in groups)
    return Layout(_SMALLEST, turned, groups, widths)


def _groups(count: int, in_one: int) -> tuple[tuple[int, ...], ...]:
    """The columns in groups of at most ``in_one``; each repeats the first, which tells the rows apart."""
    if count <= in_one:
        return (tuple(range(count)),)
    tables = -(-(count - 1) // (in_one - 1))
    each = -(-(count - 1) // tables)
    return tuple((0, *range(start, min(start + each, count))) for start in range(1, count, each))


def _least(column: Column, size: float) -> float:
    return min(column.word, _LONGEST_WORD) * size + CELL_INSET


def _shared(columns: Sequence[Column], size: float, width: float) -> tuple[float, ...] | None:
    """Each column's longest word, and its share of what is left; None where every cell fits on one line."""
    words = [_least(column, size) for column in columns]
    cells = [column.cell * size + CELL_INSET for column in columns]
    if sum(cells) <= width:
        return None
    wanted = sum(cells) - sum(words)
    spare = min(width - sum(words), wanted)
    return tuple(round(word + (cell - word) * spare / wanted, 2) for word, cell in zip(words, cells, strict=True))


def _broken(columns: Sequence[Column], size: float, width: float) -> tuple[float, ...]:
    """The narrowest column each, and a share of the rest by the square root of its longest word, so that no column starves."""
    weights = [max(0.1, column.word * size + CELL_INSET - MIN_COLUMN) ** 0.5 for column in columns]
    spare = max(0.0, width - MIN_COLUMN * len(columns))
    return tuple(round(min(MIN_COLUMN, width / len(columns)) + spare * weight / sum(weights), 2) for weight in weights)


def ems(text: str, *, mono: bool = False) -> float:
    """The width of ``text`` in ems, on the safe side."""
    if mono:
        return 0.52 * len(text)
    return _BOLD * sum(_character(character) for character in text)


@cache
def _character(character: str) -> float:
    sans = fallback_fonts()[0]
    if ord(character) not in sans.characters:
        return _FALLBACK_WIDTH
    return float(_font().getlength(character)) / _EM


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(fallback_fonts()[0].path, _EM, layout_engine=ImageFont.Layout.BASIC)
