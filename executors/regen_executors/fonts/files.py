"""The font files: those that the instruction names, and the shipped ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import ImageFont

from regen_executors.fonts.sfnt import FontFile, NotAFont, read_font
from regen_executors.inputs import source_file
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_FONT_BYTES: Final = 64 * 1024 * 1024
"""The largest font file, in bytes. Large CJK fonts have some 20 MB."""

_FOLDER: Final = Path(__file__).with_name("noto")
_FIRST: Final = ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf", "NotoSans-Italic.ttf", "NotoSansMono-Regular.ttf")
# Last: the CJK font has Latin letters too, the emoji font has the digits (for keycaps).
_LAST: Final = (
    "NotoSansCJKjp-Regular.otf",
    "NotoSansMath-Regular.ttf",
    "NotoSansSymbols-Regular.ttf",
    "NotoSansSymbols2-Regular.ttf",
    "NotoEmoji-Regular.ttf",
)


def given_fonts(names: Sequence[str], sources: Mapping[str, Path], field: str = "inputs.fonts") -> tuple[FontFile, ...]:
    """The fonts that ``field`` names, checked, in the same order.

    Raises:
        InvalidInput: a name is no source, or its file is no font; names the entry.
        Capped: a file is larger than ``MAX_FONT_BYTES``.
    """
    return tuple(_given(name, sources, f"{field}[{index}]") for index, name in enumerate(names))


def _given(name: str, sources: Mapping[str, Path], field: str) -> FontFile:
    path = source_file(sources, name, field, MAX_FONT_BYTES)
    try:
        font = read_font(path)
        if font.has_outlines:
            ImageFont.truetype(path, 16, layout_engine=ImageFont.Layout.BASIC).getbbox("x")
    except (NotAFont, OSError) as error:
        raise InvalidInput(field, f"expected a TrueType or OpenType font in source {name!r}: {error}") from error
    return font


@cache
def fallback_fonts() -> tuple[FontFile, ...]:
    """The shipped fonts, in the order in which they are tried after all others."""
    found = {path.name for path in _FOLDER.iterdir() if path.suffix in {".ttf", ".otf"}}
    scripts = sorted(found - {*_FIRST, *_LAST})
    return tuple(read_font(_FOLDER / name) for name in (*_FIRST, *scripts, *_LAST))
