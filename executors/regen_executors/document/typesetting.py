"""The form that ``page.typ`` reads to PDF, by Typst: a constant program, and the document as JSON data.

The PDF conforms to PDF/UA-1: it is tagged, and Typst refuses text that its fonts cannot show instead of printing boxes. Such
characters are replaced before, and the page lists them. It has no date, and its identifiers are digests of its content. Fonts
are those that Typst carries, the shipped ones and source files by name, never the machine's.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typst

from regen_executors.document.fonts import DocumentFonts, document_fonts
from regen_executors.fonts import REPLACEMENT, MissingCharacter
from regen_executors.interface import Capped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regen_executors.document.images import Picture

_MAX_TRIES: Final = 30
_CANNOT_SHOW: Final = re.compile(r'the text `"(?P<text>.*?)"` could not be displayed', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\u\{([0-9a-f]+)\}")
_TOO_DEEP: Final = re.compile(r"maximum .* depth exceeded")
_NOT_TEXT: Final = frozenset({"kind", "url", "anchor", "path"})
PLAIN_STYLE: Final[dict[str, Any]] = {
    "body": [],
    "heading": [],
    "code": [],
    "text": "#000000",
    "headings": "#000000",
    "links": "#0b57b7",
    "rule": "#bebebe",
    "header": "",
    "footer": "",
    "numbers": True,
}


@dataclass(frozen=True, slots=True)
class Sheets:
    """What is set: the document as ``page.typ`` reads it, the pictures by path, and the text, for the lines of notices."""

    document: Mapping[str, Any]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    text: str = ""


def typeset_plain(document: Mapping[str, Any], source: str) -> bytes:
    """The PDF of a document in the form that ``page.typ`` reads, without a house style.

    Raises:
        Capped: the text of ``source`` is nested deeper than Typst lays out.
    """
    with tempfile.TemporaryDirectory(prefix="typst-") as folder:
        root = Path(folder)
        (root / "fonts").mkdir()
        fonts = document_fonts(root / "fonts", (), {})
        whole = {"logo": None, "notice": "", **document, "style": PLAIN_STYLE, "fonts": list(fonts.families)}
        return typeset(root, fonts, Sheets(whole), source)


def typeset(root: Path, fonts: DocumentFonts, sheets: Sheets, source: str) -> bytes:
    """The PDF. ``root`` is a folder that holds nothing but the fonts.

    Raises:
        Capped: the text of ``source`` is nested deeper than Typst lays out.
    """
    # Typst's root, and its folders for packages: only fonts and images, so that there is nothing else to read or fetch.
    (root / "images").mkdir()
    for path, picture in sheets.pictures.items():
        (root / path[1:]).write_bytes(picture.content)
    missing = {ord(one.character): one for one in fonts.glyphs.missing("\n".join(_texts(sheets.document)))}
    for _ in range(_MAX_TRIES):
        try:
            return _compiled(root, fonts, _without(sheets, missing, fonts))
        except typst.TypstError as error:
            refused = _refused(error) - missing.keys()
            if not refused:
                raise _explained(error, source) from error
            # A font has the character, but not together with its neighbours: a mark on a letter of another script.
            missing |= {code: MissingCharacter(chr(code), ()) for code in refused}
    msg = f"typst: characters that no font shows are left after {_MAX_TRIES} tries"
    raise RuntimeError(msg)


def _compiled(root: Path, fonts: DocumentFonts, document: Mapping[str, Any]) -> bytes:
    compiler = typst.Compiler(
        _program(),
        root=root,
        font_paths=fonts.files,
        sys_inputs={"document": json.dumps(document, ensure_ascii=False)},
        package_path=root,
        package_cache_path=root,
    )
    made = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=0)
    if not isinstance(made, bytes):
        msg = f"typst: expected the bytes of one PDF, got {type(made).__name__}"
        raise TypeError(msg)
    return made


def _without(sheets: Sheets, missing: Mapping[int, MissingCharacter], fonts: DocumentFonts) -> Mapping[str, Any]:
    """The document with ``REPLACEMENT`` for what is missing, and a notice that lists it with its lines in the text."""
    if not missing:
        return sheets.document
    in_text = {one.character: one for one in fonts.glyphs.missing(sheets.text)}
    lines = {number: line for number, line in enumerate(sheets.text.split("\n"), start=1) if not line.isascii()}
    listed = []
    for code, one in sorted(missing.items()):
        found = in_text.get(chr(code)) or MissingCharacter(
            one.character, tuple(n for n, line in lines.items() if chr(code) in line)
        )
        listed.append(str(found))
    notice = f"Characters that no font of this document has are printed as {REPLACEMENT}: {'; '.join(listed)}."
    replaced: Mapping[str, Any] = _replaced(sheets.document, dict.fromkeys(missing, REPLACEMENT))
    return {**replaced, "notice": notice}


def _texts(value: Any) -> Iterator[str]:
    """The texts of a document that are drawn."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            if name not in _NOT_TEXT:
                yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _replaced(value: Any, table: Mapping[int, str]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, dict):
        return {name: one if name in _NOT_TEXT else _replaced(one, table) for name, one in value.items()}
    return [_replaced(one, table) for one in value] if isinstance(value, list | tuple) else value


def _refused(error: typst.TypstError) -> set[int]:
    """The characters that Typst could not show, without those that any font has."""
    found = _CANNOT_SHOW.findall(f"{error.message}\n{error.diagnostic or ''}")
    texts = [_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text) for text in found]
    return {ord(character) for text in texts for character in text if not character.isascii()}


def _explained(error: typst.TypstError, source: str) -> Exception:
    """What the instruction's author can do about it; the error itself where that is nothing."""
    if _TOO_DEEP.search(str(error.diagnostic or error.message)):
        return Capped(source, "lists and quotes are nested deeper than a PDF page can show")
    return RuntimeError(f"typst: {error.message}")


@cache
def _program() -> bytes:
    return files(__package__).joinpath("page.typ").read_bytes()
