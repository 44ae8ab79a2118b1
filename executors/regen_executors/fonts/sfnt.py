"""Reads which characters a TrueType or OpenType font has, without drawing anything.

Pillow and Typst do not tell a font's coverage, and the usual library for it takes 30 MB, so the two tables are read here
(OpenType 1.9: "Organization of an OpenType font", "cmap").
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIGNATURES: Final = frozenset({b"\x00\x01\x00\x00", b"OTTO", b"true"})
_WEB_FONTS: Final = frozenset({b"wOFF", b"wOF2"})
_OUTLINES: Final = frozenset({b"glyf", b"CFF ", b"CFF2"})
_BITMAPS: Final = frozenset({b"CBDT", b"sbix", b"SVG "})
_MAX_TABLES: Final = 256
_MAX_CODE: Final = 0x10FFFF


class NotAFont(ValueError):
    """The file is not a font that the executors can draw with. The message says why."""


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font that passed the check.

    Attributes:
        path: its file.
        characters: the code points that it has a glyph for; a collection's first font counts.
        has_outlines: whether it can be drawn at any size; False for a font of bitmaps.
    """

    path: Path
    characters: frozenset[int]
    has_outlines: bool


def read_font(path: Path) -> FontFile:
    """The font in ``path``.

    Raises:
        NotAFont: it is a web font, another kind of file, damaged, or has no Unicode characters.
    """
    content = path.read_bytes()
    try:
        tables = _tables(content)
        if b"cmap" not in tables or not tables.keys() & (_OUTLINES | _BITMAPS):
            msg = "it has no glyphs or no character map"
            raise NotAFont(msg)
        characters = frozenset(_characters(content[slice(*tables[b"cmap"])]))
    except struct.error as error:
        msg = "the file ends too early"
        raise NotAFont(msg) from error
    if not characters:
        msg = "it has no Unicode character"
        raise NotAFont(msg)
    return FontFile(path, characters, bool(tables.keys() & _OUTLINES))


def _tables(content: bytes) -> dict[bytes, tuple[int, int]]:
    """Tag → start and end of each table of the file's first font."""
    start = 0
    if content[:4] == b"ttcf":
        (start,) = struct.unpack_from(">I", content, 12)
    signature = content[start : start + 4]
    if signature in _WEB_FONTS:
        msg = "it is a web font (WOFF); convert it to TrueType or OpenType"
        raise NotAFont(msg)
    if signature not in _SIGNATURES:
        msg = "the file does not begin as one"
        raise NotAFont(msg)
    (count,) = struct.unpack_from(">H", content, start + 4)
    tables = {}
    for number in range(min(count, _MAX_TABLES)):
        tag, _, offset, length = struct.unpack_from(">4sIII", content, start + 12 + 16 * number)
        if offset + length > len(content):
            msg = f"its table {tag.decode('latin-1')!r} lies outside of the file"
            raise NotAFont(msg)
        tables[tag] = (offset, offset + length)
    return tables


def _characters(cmap: bytes) -> Iterator[int]:
    """The code points of every Unicode subtable in a format that fonts use: 4 (16 bit) and 12 (32 bit)."""
    (count,) = struct.unpack_from(">H", cmap, 2)
    for offset in sorted({at for number in range(count) if (at := _offset(cmap, number)) is not None}):
        (kind,) = struct.unpack_from(">H", cmap, offset)
        if kind == 4:
            yield from _segments(cmap, offset)
        elif kind == 12:
            yield from _groups(cmap, offset)


def _offset(cmap: bytes, number: int) -> int | None:
    """Where the subtable lies, or None where it is not Unicode."""
    platform, encoding, offset = struct.unpack_from(">HHI", cmap, 4 + 8 * number)
    return int(offset) if (platform == 0 and encoding != 5) or (platform == 3 and encoding in {1, 10}) else None


def _segments(cmap: bytes, at: int) -> Iterator[int]:
    (doubled,) = struct.unpack_from(">H", cmap, at + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", cmap, at + 14)
    starts = struct.unpack_from(f">{count}H", cmap, at + 16 + doubled)
    deltas = struct.unpack_from(f">{count}H", cmap, at + 16 + 2 * doubled)
    offsets_at = at + 16 + 3 * doubled
    offsets = struct.unpack_from(f">{count}H", cmap, offsets_at)
    for segment, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offset:
                (glyph,) = struct.unpack_from(">H", cmap, offsets_at + 2 * segment + offset + 2 * (code - first))
                if glyph == 0:
                    continue
            if (glyph + delta) & 0xFFFF:
                yield code


def _groups(cmap: bytes, at: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">I", cmap, at + 12)
    if count > len(cmap) // 12:
        msg = "its character map is damaged"
        raise NotAFont(msg)
    for number in range(count):
        first, last, glyph = struct.unpack_from(">III", cmap, at + 16 + 12 * number)
        if first > last or last > _MAX_CODE:
            msg = "its character map is damaged"
            raise NotAFont(msg)
        yield from range(first + (glyph == 0), last + 1)
