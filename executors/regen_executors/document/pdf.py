"""Tokens to PDF by Typst: a constant program (``page.typ``) and the document as JSON data.

The PDF conforms to PDF/UA-1: it is tagged, and Typst refuses text that its fonts cannot show instead of printing boxes. It
has no date, and its identifiers are digests of its content. Fonts are those that Typst carries, and source files by name,
never the machine's.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typst

from regen_executors.document.inputs import MAX_FONT_BYTES
from regen_executors.document.nodes import nodes_of
from regen_executors.inputs import source_file
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regen_executors.document.inputs import DocumentInputs
    from regen_executors.document.markdown import Parsed

_FONTS = ("Libertinus Serif", "New Computer Modern", "DejaVu Sans Mono")
_PAPER = {"a4": "a4", "letter": "us-letter"}
_CANNOT_SHOW = re.compile(r"the text `(?P<text>.*?)` could not be displayed", re.DOTALL)
_TOO_DEEP = re.compile(r"maximum .* depth exceeded")


def pdf(inputs: DocumentInputs, parsed: Parsed, sources: Mapping[str, Path], field: str) -> bytes:
    """The PDF.

    Raises:
        InvalidInput: a font is none, or no font has a character of the text.
        Capped: the text is nested deeper than Typst lays out.
    """
    return _typeset(field, lambda families: _document(inputs, parsed, families), inputs.fonts, sources)


def typeset(document: Mapping[str, Any], field: str) -> bytes:
    """The PDF of a document in the form that ``page.typ`` reads, ``fonts`` apart, which are those that Typst carries.

    Raises:
        InvalidInput: no font has a character of the text, which is that of ``field``.
        Capped: the text is nested deeper than Typst lays out.
    """
    return _typeset(field, lambda families: {**document, "fonts": list(families)}, (), {})


def _typeset(
    field: str, document_in: Callable[[Sequence[str]], Mapping[str, Any]], names: Sequence[str], sources: Mapping[str, Path]
) -> bytes:
    # Typst's root, and its folders for packages: empty but for the fonts, so that there is nothing it could read or fetch.
    with tempfile.TemporaryDirectory(prefix="typst-") as folder:
        root = Path(folder)
        fonts = _fonts(root, names, sources)
        data = json.dumps(document_in([*_FONTS, *_families_of(fonts)]), ensure_ascii=False)
        try:
            compiler = typst.Compiler(
                _program(),
                root=root,
                font_paths=fonts,
                sys_inputs={"document": data},
                package_path=root,
                package_cache_path=root,
            )
            made = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=0)
        except typst.TypstError as error:
            raise _explained(error, field) from error
    if not isinstance(made, bytes):
        msg = f"typst: expected the bytes of one PDF, got {type(made).__name__}"
        raise TypeError(msg)
    return made


def _document(inputs: DocumentInputs, parsed: Parsed, families: Sequence[str]) -> dict[str, Any]:
    language, *subtags = inputs.language.split("-")
    region = next((tag.upper() for tag in subtags if re.fullmatch(r"[A-Za-z]{2}", tag)), None)
    toc = {"title": inputs.toc_title, "depth": inputs.toc_depth} if inputs.toc and parsed.headings else None
    return {
        "title": inputs.title,
        "subtitle": inputs.subtitle,
        "byline": " · ".join(part for part in (inputs.author, inputs.date) if part),
        "authors": [inputs.author] if inputs.author else [],
        "lang": language,
        "region": region,
        "fonts": list(families),
        "paper": _PAPER[inputs.paper],
        "justify": False,
        "toc": toc,
        "headings": {f"h:{heading.anchor}": heading.text for heading in parsed.headings},
        "body": nodes_of(parsed.tokens),
    }


def _fonts(root: Path, names: Sequence[str], sources: Mapping[str, Path]) -> typst.Fonts:
    folder = root / "fonts"
    folder.mkdir()
    for index, name in enumerate(names):
        field = f"inputs.fonts[{index}]"
        shutil.copyfile(source_file(sources, name, field, MAX_FONT_BYTES), folder / f"{index:02}.otf")
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(folder)])
    found = {Path(font.path).name for font in fonts.fonts() if font.path}
    for index in range(len(names)):
        if f"{index:02}.otf" not in found:
            raise InvalidInput(f"inputs.fonts[{index}]", "expected a source that is a TrueType or OpenType font")
    return fonts


def _families_of(fonts: typst.Fonts) -> list[str]:
    """The families of the sources' fonts, in the order in which the instruction names them."""
    given = sorted((Path(font.path).name, font.index, font.family) for font in fonts.fonts() if font.path)
    return list(dict.fromkeys(family for _, _, family in given))


def _explained(error: typst.TypstError, field: str) -> Exception:
    """What the instruction's author can do about it; the error itself where that is nothing."""
    text = str(error.diagnostic or error.message)
    missing = _CANNOT_SHOW.search(text)
    if missing is not None:
        what = missing["text"]
        return InvalidInput(field, f"expected text that the PDF's fonts can show, got {what}; name a font in inputs.fonts")
    if _TOO_DEEP.search(text):
        return Capped(field, "lists and quotes lie deeper within one another than a PDF page can show")
    return RuntimeError(f"typst: {error.message}")


@cache
def _program() -> bytes:
    return files(__package__).joinpath("page.typ").read_bytes()
