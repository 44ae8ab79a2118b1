"""Tokens to one self-contained HTML page: no script, no external resource, light, dark and printed."""

from __future__ import annotations

import tempfile
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from regen_executors.document.dialect import parser
from regen_executors.document.fonts import document_fonts
from regen_executors.document.images import NoPicture, Pictures
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from regen_executors.document.images import Picture
    from regen_executors.document.inputs import DocumentInputs, StyleInputs
    from regen_executors.document.markdown import Parsed

_RIGHT_TO_LEFT: Final = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
_PAPER: Final = {"a4": "A4", "letter": "letter"}


def page(inputs: DocumentInputs, parsed: Parsed, sources: Mapping[str, Path] | None = None) -> bytes:
    """The page, UTF-8.

    Raises:
        InvalidInput: a font of the style is none, or its logo is no image.
    """
    renderer = _renderer()
    body = renderer.renderer.render(list(parsed.tokens), renderer.options, {})
    direction = "rtl" if inputs.language.split("-", maxsplit=1)[0] in _RIGHT_TO_LEFT else "ltr"
    style = inputs.style
    parts = [
        "<!DOCTYPE html>\n",
        f'<html lang="{escape(inputs.language)}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n',
        f'<meta name="author" content="{escape(inputs.author)}">\n' if inputs.author else "",
        f"<title>{escape(inputs.title)}</title>\n",
        f"<style>\n{_style()}{_house_style(inputs, sources or {})}</style>\n</head>\n<body>\n",
        f'<p class="running">{escape(style.header)}</p>\n' if style.header else "",
        _masthead(inputs, sources or {}),
        _contents(inputs, parsed) if inputs.toc else "",
        f"<main>\n{body}</main>\n",
        f'<p class="running">{escape(style.footer)}</p>\n' if style.footer else "",
        "</body>\n</html>\n",
    ]
    return "".join(parts).encode()


def _renderer() -> MarkdownIt:
    markdown = parser()
    markdown.add_render_rule("footnote_caption", _caption)
    markdown.add_render_rule("picture", _picture)
    markdown.add_render_rule("no_picture", _no_picture)
    return markdown


def _caption(_renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object) -> str:
    """The mark of a footnote: its number, and the same number where it is referred to again."""
    return f"[{tokens[index].meta['id'] + 1}]"


def _picture(_renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object) -> str:
    token = tokens[index]
    picture: Picture = token.meta["picture"]
    sides: dict[str, Any] = token.meta["wanted"] or {"width": round(picture.width), "height": round(picture.height)}
    size = "".join(f' {side}="{value}"' for side, value in sides.items())
    return f'<img src="{picture.url}" alt="{escape(token.content)}"{size}>'


def _no_picture(_renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object) -> str:
    return f'<span class="notice">{escape(tokens[index].content)}</span>'


def _masthead(inputs: DocumentInputs, sources: Mapping[str, Path]) -> str:
    subtitle = f'<p class="subtitle">{escape(inputs.subtitle)}</p>\n' if inputs.subtitle else ""
    byline = " · ".join(escape(part) for part in (inputs.author, inputs.date) if part)
    byline = f'<p class="byline">{byline}</p>\n' if byline else ""
    logo = _logo(inputs.style, sources)
    return f'<header>\n{logo}<h1 class="title">{escape(inputs.title)}</h1>\n{subtitle}{byline}</header>\n'


def _logo(style: StyleInputs, sources: Mapping[str, Path]) -> str:
    if style.logo is None:
        return ""
    try:
        picture = Pictures(sources).find(style.logo)
    except NoPicture as error:
        raise InvalidInput("inputs.style.logo", f"expected the name of a source that is an image: {error}") from error
    return f'<img class="logo" src="{picture.url}" alt="{escape(style.logo_alt)}" style="height:{style.logo_height:g}mm">\n'


def _contents(inputs: DocumentInputs, parsed: Parsed) -> str:
    lines = [
        f'<li class="level-{heading.level}"><a href="#{escape(heading.anchor)}">{escape(heading.text)}</a></li>\n'
        for heading in parsed.headings
        if heading.level <= inputs.toc_depth
    ]
    title = escape(inputs.toc_title)
    return f'<nav aria-label="{title}">\n<p class="toc-title">{title}</p>\n<ol>\n{"".join(lines)}</ol>\n</nav>\n'


def _house_style(inputs: DocumentInputs, sources: Mapping[str, Path]) -> str:
    """The rules of the paper and of ``inputs.style``; colours are for paper and light browsers, a dark page keeps its own."""
    style = inputs.style
    numbers = ' @bottom-center { content: counter(page) " / " counter(pages); font-size: 9pt; }' if style.page_numbers else ""
    rules = [f"@page {{ size: {_PAPER[inputs.paper]}; margin: 2.2cm;{numbers} }}\n"]
    colours = {
        ":root": (("--ink", style.text_colour), ("--link", style.link_colour), ("--accent", style.accent_colour)),
        "h1, h2, h3, h4, h5, h6, .title": (("color", style.heading_colour),),
    }
    given = {
        selector: "; ".join(f"{name}: {value}" for name, value in pairs if value is not None)
        for selector, pairs in colours.items()
    }
    light = "".join(f"{selector} {{ {rule} }} " for selector, rule in given.items() if rule)
    if light:
        rules.append(f"@media print, (prefers-color-scheme: light) {{ {light}}}\n")
    return "".join([_fonts(inputs, sources), *rules])


def _fonts(inputs: DocumentInputs, sources: Mapping[str, Path]) -> str:
    style = inputs.style
    heading = style.heading_font or style.body_font
    chosen = {"html": style.body_font, "h1, h2, h3, h4, h5, h6, .title": heading, "code, pre": style.code_font}
    if not any(chosen.values()):
        return ""
    with tempfile.TemporaryDirectory(prefix="fonts-") as folder:
        fonts = document_fonts(Path(folder), inputs.fonts, sources)
    rules = [fonts.css(list(chosen.values()))]
    for selector, name in chosen.items():
        rules += [f'{selector} {{ font-family: "{fonts.quoted(family)}", serif; }}\n' for family in fonts.family(name)]
    return "".join(rules)


@cache
def _style() -> str:
    return files(__package__).joinpath("page.css").read_text("utf-8")
