"""Which characters of a text no font has, on which lines, and what is done about them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from regen_executors.fonts.files import fallback_fonts
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from regen_executors.fonts.sfnt import FontFile

REPLACEMENT: Final = "\ufffd"
"""Printed in place of a character that no font has: a question mark in a diamond, which the shipped fonts have."""

MAX_LINES_LISTED: Final = 10
MAX_CHARACTERS_IN_AN_ERROR: Final = 60

# Never drawn: format characters (joiners, directions), variation selectors, and what breaks lines or words.
_NOT_DRAWN: Final = frozenset({"Cf", "Cc", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class MissingCharacter:
    """A character that no font has. ``lines`` are those on which it stands, from 1; empty where none is known."""

    character: str
    lines: tuple[int, ...]

    def __str__(self) -> str:
        """``U+1FAE8 SHAKING FACE (lines 3, 8)``, without lines where none is known."""
        listed = ", ".join(str(line) for line in self.lines[:MAX_LINES_LISTED])
        more = ", …" if len(self.lines) > MAX_LINES_LISTED else ""
        code = f"U+{ord(self.character):04X} {unicodedata.name(self.character, '')}".rstrip()
        if not self.lines:
            return code
        return f"{code} ({'line' if len(self.lines) == 1 else 'lines'} {listed}{more})"


class Glyphs:
    """The characters that the given fonts and the shipped ones have together."""

    def __init__(self, given: Sequence[FontFile] = ()) -> None:
        self.fonts: tuple[FontFile, ...] = (*given, *fallback_fonts())
        self._known: frozenset[int] = frozenset().union(*(font.characters for font in self.fonts))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The fonts' files, the given ones first: the order in which a renderer tries them."""
        return tuple(font.path for font in self.fonts)

    def has(self, character: str) -> bool:
        """Whether a font has ``character``, or it is never drawn."""
        return character.isascii() or ord(character) in self._known or _is_not_drawn(character)

    def missing(self, text: str) -> tuple[MissingCharacter, ...]:
        """The characters of ``text`` that no font has, in the order in which they first appear."""
        if text.isascii():
            return ()
        lines: dict[str, dict[int, None]] = {}
        for number, line in enumerate(text.split("\n"), start=1):
            for character in line if not line.isascii() else ():
                if not self.has(character):
                    lines.setdefault(character, {})[number] = None
        return tuple(MissingCharacter(character, tuple(on)) for character, on in lines.items())

    def replaced(self, text: str) -> str:
        """``text`` with ``REPLACEMENT`` in place of each character that no font has."""
        if text.isascii():
            return text
        return "".join(character if self.has(character) else REPLACEMENT for character in text)

    def require(self, text: str, field: str) -> None:
        """Refuses ``text`` where it could only be drawn with gaps.

        Raises:
            InvalidInput: lists every character of ``text`` that no font has, with its line.
        """
        missing = self.missing(text)
        if missing:
            expected = "text that the fonts have; name a font in inputs.fonts that has"
            raise InvalidInput(field, f"expected {expected} {listed(missing)}")


def listed(missing: Iterable[MissingCharacter], limit: int = MAX_CHARACTERS_IN_AN_ERROR) -> str:
    """The characters with their lines, as one line of text; at most ``limit`` by name."""
    texts = [str(one) for one in missing]
    more = [f"and {len(texts) - limit} more"] if len(texts) > limit else []
    return "; ".join([*texts[:limit], *more])


def _is_not_drawn(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in _NOT_DRAWN
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0100 <= code <= 0xE01EF
        or code == 0x034F  # combining grapheme joiner
    )
