"""The fonts of one document: the families in the order in which Typst tries them, and the faces that the HTML embeds."""

from __future__ import annotations

import base64
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typst

from regen_executors.fonts import Glyphs, given_fonts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEXT: Final = "Libertinus Serif"
_LAST: Final = ("New Computer Modern", "DejaVu Sans Mono")
"""Typst's other fonts; behind the shipped ones, since the letters of other scripts are better there."""


@dataclass(frozen=True, slots=True)
class Face:
    """A file of a family, as CSS names it."""

    family: str
    weight: int
    style: str
    path: Path


@dataclass(frozen=True, slots=True)
class DocumentFonts:
    """The fonts of a document.

    Attributes:
        glyphs: which characters they have together.
        files: Typst's handle on them.
        families: the families to try, in order, for text without a style of its own.
        given: the instruction's fonts: source name → its face.
    """

    glyphs: Glyphs
    files: typst.Fonts
    families: tuple[str, ...]
    given: Mapping[str, Face]

    def family(self, name: str | None) -> list[str]:
        """The family of the font that a style names, as a list of one or none."""
        return [] if name is None else [self.given[name].family]

    @staticmethod
    def quoted(family: str) -> str:
        """A family's name for a CSS string inside of HTML: it comes from the file."""
        return re.sub(r"[^\w .,+-]", "", family)

    def css(self, names: Sequence[str | None]) -> str:
        """The ``@font-face`` rules that embed every given file of the families of the fonts in ``names``."""
        families = {self.given[name].family for name in names if name is not None}
        return "".join(_rule(face) for face in self.given.values() if face.family in families)


def document_fonts(folder: Path, names: Sequence[str], sources: Mapping[str, Path]) -> DocumentFonts:
    """The fonts that ``names`` names, Typst's own and the shipped ones. The files are copied to ``folder``, which is empty.

    Raises:
        InvalidInput: a file is no font.
        Capped: a file is too large.
    """
    files = given_fonts(names, sources)
    glyphs = Glyphs(files)
    for index, file in enumerate(files):
        shutil.copyfile(file.path, folder / _file_name(index))
    shipped = [path.parent for path in glyphs.paths[len(files) :]]
    found = typst.Fonts(include_system_fonts=False, font_paths=[str(path) for path in dict.fromkeys([folder, *shipped])])
    by_name: dict[str, list[typst.FontInfo]] = {}
    for info in found.fonts():
        if info.path:
            by_name.setdefault(Path(info.path).name, []).append(info)
    given = {name: _face(by_name[_file_name(index)], files[index].path) for index, name in enumerate(names)}
    own = [info.family for index in range(len(files)) for info in by_name[_file_name(index)]]
    fallback = [info.family for path in glyphs.paths[len(files) :] for info in by_name[path.name]]
    return DocumentFonts(glyphs, found, tuple(dict.fromkeys([_TEXT, *own, *fallback, *_LAST])), given)


def _file_name(index: int) -> str:
    """Typst finds fonts by their ending; a source may have any name."""
    return f"{index:02}.otf"


def _face(infos: Sequence[typst.FontInfo], path: Path) -> Face:
    first = min(infos, key=lambda info: info.index)
    return Face(first.family, int(first.weight), str(first.style).lower(), path)


def _rule(face: Face) -> str:
    body = base64.b64encode(face.path.read_bytes()).decode()
    style = face.style if face.style in {"italic", "oblique"} else "normal"
    return (
        f'@font-face {{ font-family: "{DocumentFonts.quoted(face.family)}"; font-weight: {face.weight}; font-style: {style}; '
        f"src: url(data:font/otf;base64,{body}); }}\n"
    )
