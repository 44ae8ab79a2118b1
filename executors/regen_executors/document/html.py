"""Tokens to one self-contained HTML page: no script, no external resource, light, dark and printed."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from regen_executors.document.markdown import parser

if TYPE_CHECKING:
    from regen_executors.document.inputs import DocumentInputs
    from regen_executors.document.markdown import Parsed

_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_PAPER = {"a4": "A4", "letter": "letter"}


def page(inputs: DocumentInputs, parsed: Parsed) -> bytes:
    """The page, UTF-8."""
    body = parser().renderer.render(list(parsed.tokens), parser().options, {})
    direction = "rtl" if inputs.language.split("-", maxsplit=1)[0] in _RIGHT_TO_LEFT else "ltr"
    parts = [
        "<!DOCTYPE html>\n",
        f'<html lang="{escape(inputs.language)}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n',
        f'<meta name="author" content="{escape(inputs.author)}">\n' if inputs.author else "",
        f"<title>{escape(inputs.title)}</title>\n",
        f"<style>\n{_style()}@page {{ size: {_PAPER[inputs.paper]}; margin: 2.2cm; }}\n</style>\n</head>\n<body>\n",
        _masthead(inputs),
        _contents(inputs, parsed) if inputs.toc else "",
        f"<main>\n{body}</main>\n</body>\n</html>\n",
    ]
    return "".join(parts).encode()


def _masthead(inputs: DocumentInputs) -> str:
    subtitle = f'<p class="subtitle">{escape(inputs.subtitle)}</p>\n' if inputs.subtitle else ""
    byline = " · ".join(escape(part) for part in (inputs.author, inputs.date) if part)
    byline = f'<p class="byline">{byline}</p>\n' if byline else ""
    return f'<header>\n<h1 class="title">{escape(inputs.title)}</h1>\n{subtitle}{byline}</header>\n'


def _contents(inputs: DocumentInputs, parsed: Parsed) -> str:
    lines = [
        f'<li class="level-{heading.level}"><a href="#{escape(heading.anchor)}">{escape(heading.text)}</a></li>\n'
        for heading in parsed.headings
        if heading.level <= inputs.toc_depth
    ]
    title = escape(inputs.toc_title)
    return f'<nav aria-label="{title}">\n<p class="toc-title">{title}</p>\n<ol>\n{"".join(lines)}</ol>\n</nav>\n'


@cache
def _style() -> str:
    return files(__package__).joinpath("page.css").read_text("utf-8")
