"""A document as ``page.typ`` reads it: its nodes, masthead, contents and house style."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from regen_executors.document.fonts import DocumentFonts, document_fonts
from regen_executors.document.images import NoPicture, Picture, Pictures
from regen_executors.document.nodes import TEXT_SIZE, Room, nodes_of, text_nodes
from regen_executors.document.typesetting import PLAIN_STYLE, Sheets, typeset
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regen_executors.document.inputs import DocumentInputs, StyleInputs
    from regen_executors.document.markdown import Parsed

_PAPER: Final = {"a4": "a4", "letter": "us-letter"}
_WIDTHS: Final = {"a4": (459.0, 705.0), "letter": (475.0, 655.0)}
"""The width of the text in points, on an upright page and on a turned one."""
_TITLE_SIZE: Final = 21.0
_SUBTITLE_SIZE: Final = 13.0


def pdf(inputs: DocumentInputs, parsed: Parsed, sources: Mapping[str, Path], field: str) -> bytes:
    """The PDF.

    Raises:
        InvalidInput: a font is none, or the logo is no image.
        Capped: the text is nested deeper than Typst lays out.
    """
    with tempfile.TemporaryDirectory(prefix="typst-") as folder:
        root = Path(folder)
        (root / "fonts").mkdir()
        fonts = document_fonts(root / "fonts", inputs.fonts, sources)
        drawn = nodes_of(parsed.tokens, *_WIDTHS[inputs.paper])
        logo = _logo(inputs.style, sources)
        pictures = drawn.pictures | ({f"/images/logo.{logo.kind}": logo} if logo is not None else {})
        document = _document(inputs, parsed, drawn.body, fonts, logo)
        return typeset(root, fonts, Sheets(document, pictures, parsed.text), field)


def _document(
    inputs: DocumentInputs, parsed: Parsed, body: list[Any], fonts: DocumentFonts, logo: Picture | None
) -> dict[str, Any]:
    language, *subtags = inputs.language.split("-")
    region = next((tag.upper() for tag in subtags if re.fullmatch(r"[A-Za-z]{2}", tag)), None)
    toc = {"title": inputs.toc_title, "depth": inputs.toc_depth} if inputs.toc and parsed.headings else None
    width = _WIDTHS[inputs.paper][0]
    byline = " · ".join(part for part in (inputs.author, inputs.date) if part)
    return {
        "title": inputs.title,
        "heading": text_nodes(inputs.title, Room(width, _TITLE_SIZE)),
        "subtitle": text_nodes(inputs.subtitle, Room(width, _SUBTITLE_SIZE)) if inputs.subtitle else [],
        "byline": text_nodes(byline, Room(width, TEXT_SIZE)) if byline else [],
        "authors": [inputs.author] if inputs.author else [],
        "lang": language,
        "region": region,
        "fonts": list(fonts.families),
        "paper": _PAPER[inputs.paper],
        "justify": False,
        "toc": toc,
        "headings": {f"h:{heading.anchor}": heading.text for heading in parsed.headings},
        "logo": _logo_node(inputs.style, logo, width) if logo is not None else None,
        "remarks": [],
        "notice": "",
        "style": _style(inputs.style, fonts),
        "body": body,
    }


def _style(style: StyleInputs, fonts: DocumentFonts) -> dict[str, Any]:
    colours = {
        "text": style.text_colour,
        "headings": style.heading_colour or style.text_colour,
        "links": style.link_colour,
        "rule": style.accent_colour,
    }
    return {
        **PLAIN_STYLE,
        **{name: colour for name, colour in colours.items() if colour is not None},
        "body": fonts.family(style.body_font),
        "heading": fonts.family(style.heading_font) or fonts.family(style.body_font),
        "code": fonts.family(style.code_font),
        "header": style.header,
        "footer": style.footer,
        "numbers": style.page_numbers,
    }


def _logo(style: StyleInputs, sources: Mapping[str, Path]) -> Picture | None:
    if style.logo is None:
        return None
    try:
        return Pictures(sources).find(style.logo)
    except NoPicture as error:
        raise InvalidInput("inputs.style.logo", f"expected the name of a source that is an image: {error}") from error


def _logo_node(style: StyleInputs, logo: Picture, width: float) -> dict[str, Any]:
    height = style.logo_height * 72 / 25.4
    scale = min(1.0, width / (height * logo.width / logo.height))
    size = {"width": height * logo.width / logo.height * scale, "height": height * scale}
    return {"kind": "image", "path": f"/images/logo.{logo.kind}", "alt": style.logo_alt, **size}
