"""Markdown to tokens: CommonMark with tables, strike-through, footnotes and definition lists, made safe for every output.

Raw HTML is not recognised, so it stays text. What a self-contained document cannot have goes here, once for HTML and PDF:
images become their alternative text, links that lead nowhere become their text. Headings get ids, and levels without gaps
(PDF/UA-1 and WCAG 1.3.1 ask for those).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin

from regen_executors.interface import Capped

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NESTING = 40
"""Blocks and spans within one another at the most. Typst's own limits begin at 64 levels of layout."""

_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_NOT_IN_A_SLUG = re.compile(r"[^\w\- ]")
_FOOTNOTE_ID = re.compile(r"fn(ref)?\d")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as the table of contents shows it. ``level`` is 1 to 6."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """Safe tokens, and the headings among them in order."""

    tokens: Sequence[Token]
    headings: tuple[Heading, ...]


def parser() -> MarkdownIt:
    """A parser and HTML renderer of the dialect; no HTML, no typographic replacement, nothing fetched."""
    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 4 * MAX_NESTING})
    markdown.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    # Judged in _without_dead_links: refusing here would leave the brackets in the text.
    markdown.validateLink = _any_link  # type: ignore[method-assign]
    markdown.use(footnote_plugin, inline=True).use(deflist_plugin)
    markdown.add_render_rule("footnote_caption", _caption)
    return markdown


def parse(text: str, field: str) -> Parsed:
    """The tokens of ``text``.

    Raises:
        Capped: blocks or spans lie deeper within one another than ``MAX_NESTING``.
    """
    tokens = parser().parse(text)
    _bound_nesting(tokens, field)
    for token in tokens:
        if token.children is not None:
            token.children = [_without_image(child) for child in token.children]
    _flatten_notes(tokens)
    headings = _name_headings(tokens)
    anchors = frozenset(heading.anchor for heading in headings)
    for token in tokens:
        if token.children is not None:
            token.children = _without_dead_links(token.children, anchors)
    return Parsed(tokens, headings)


def plain_text(tokens: Sequence[Token]) -> str:
    """The text of inline tokens, without its marks."""
    return "".join(
        " " if token.type in {"softbreak", "hardbreak"} else token.content
        for token in tokens
        if token.type in {"text", "code_inline", "softbreak", "hardbreak"}
    )


def _any_link(url: str) -> bool:  # noqa: ARG001 - the parser's hook passes it by position
    return True


def _caption(_renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object) -> str:
    """The mark of a footnote in HTML: its number, and the same number where it is referred to again."""
    return f"[{tokens[index].meta['id'] + 1}]"


def _bound_nesting(tokens: Sequence[Token], field: str) -> None:
    depth = 0
    for token in tokens:
        depth += token.nesting
        inner = deepest = 0
        for child in token.children or ():
            inner += child.nesting
            deepest = max(deepest, inner)
        if depth + deepest > MAX_NESTING:
            line = token.map[0] + 1 if token.map else "unknown"
            raise Capped(field, f"lists, quotes and emphasis within one another more than {MAX_NESTING} deep, line {line}")


def _without_image(token: Token) -> Token:
    if token.type != "image":
        return token
    return Token("text", "", 0, content=plain_text(token.children or []) or token.content)


def _flatten_notes(tokens: Sequence[Token]) -> None:
    """A heading inside a footnote is a paragraph: notes move to where they are referred to, and no outline may follow them."""
    inside = False
    for token in tokens:
        inside = (inside or token.type == "footnote_block_open") and token.type != "footnote_block_close"
        if inside and token.type.startswith("heading_"):
            token.type, token.tag = token.type.replace("heading_", "paragraph_"), "p"


def _name_headings(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    """Gives each heading its id and its level, and says what they are."""
    headings: list[Heading] = []
    taken: set[str] = set()
    previous = 0
    for position, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        text = plain_text(tokens[position + 1].children or [])
        level = min(int(token.tag[1]), previous + 1)
        closing = next(later for later in tokens[position:] if later.type == "heading_close")
        token.tag = closing.tag = f"h{level}"
        if not text.strip():
            # PDF/UA-1 has no heading without text; a paragraph of nothing is nothing.
            token.hidden = closing.hidden = True
            continue
        previous = level
        anchor = _anchor(text, taken)
        token.attrSet("id", anchor)
        headings.append(Heading(level, anchor, text.strip()))
    return tuple(headings)


def _anchor(text: str, taken: set[str]) -> str:
    """The id of a heading as GitHub makes it: lower case, dashes for spaces, a number where it is taken already."""
    slug = _NOT_IN_A_SLUG.sub("", text.strip().lower()).replace(" ", "-") or "section"
    if _FOOTNOTE_ID.match(slug):
        slug = f"section-{slug}"
    anchor, number = slug, 0
    while anchor in taken:
        number += 1
        anchor = f"{slug}-{number}"
    taken.add(anchor)
    return anchor


def _without_dead_links(tokens: Sequence[Token], anchors: frozenset[str]) -> list[Token]:
    """The tokens without links to other schemes, to relative places, or to headings that are not there."""
    kept: list[Token] = []
    dropping = False
    for token in tokens:
        if token.type == "link_open":
            target = _target(str(token.attrGet("href") or ""), anchors)
            dropping = target is None
            if target is not None:
                token.attrs = {"href": target}
        if token.type in {"link_open", "link_close"} and dropping:
            continue
        kept.append(token)
    return kept


def _target(href: str, anchors: frozenset[str]) -> str | None:
    if href.startswith("#"):
        anchor = unquote(href[1:])
        return f"#{anchor}" if anchor in anchors else None
    try:
        scheme = urlsplit(href).scheme
    except ValueError:
        return None
    return href if scheme in _SCHEMES and re.fullmatch(r"[!-~]+", href) else None
