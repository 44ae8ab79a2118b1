"""Markdown to tokens that are safe for every output.

What a self-contained document cannot have is settled here, once for HTML and PDF: images become pictures or a notice in their
place, links that lead nowhere become their text, HTML that is not known becomes text. Values of a template are put in their
places. Headings get ids, and levels without gaps (PDF/UA-1 and WCAG 1.3.1 ask for those).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from markdown_it.token import Token

from regen_executors.document.dialect import parsed_tokens, parser
from regen_executors.document.images import NoPicture, Pictures
from regen_executors.document.inline_html import without_html
from regen_executors.document.template import Rendered

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_NOT_IN_A_SLUG = re.compile(r"[^\w\- ]")
_FOOTNOTE_ID = re.compile(r"fn(ref)?\d")
_QUOTED_PLACEHOLDER = re.compile("(?:\ufdd0|%EF%B7%90)(\\d+)(?:\ufdd1|%EF%B7%91)")
_SAFE_IN_A_URL = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as the table of contents shows it. ``level`` is 1 to 6."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """Safe tokens, the headings among them in order, and the text that they came from, for line numbers."""

    tokens: Sequence[Token]
    headings: tuple[Heading, ...]
    text: str


def parse(source: str | Rendered, field: str, pictures: Pictures | None = None) -> Parsed:
    """The tokens of Markdown, or of what a template rendered.

    Raises:
        Capped: brackets, blocks or spans are nested too deep.
    """
    rendered = Rendered(source) if isinstance(source, str) else source
    tokens = parsed_tokens(parser(), rendered.markdown, field)
    pictures = pictures or Pictures({})
    for token in tokens:
        if token.children is not None:
            token.children = without_html(token.children)
        _fill(token, rendered)
        if token.children is not None:
            token.children = [_placed(child, pictures) for child in token.children]
    _hide_empty_paragraphs(tokens)
    _flatten_notes(tokens)
    headings = _name_headings(tokens)
    anchors = frozenset(heading.anchor for heading in headings)
    for token in tokens:
        if token.children is not None:
            token.children = _without_dead_links(token.children, anchors)
    shown = [token for token in tokens if token.type != "html_block"]
    return Parsed(shown, headings, rendered.folded(rendered.markdown))


def plain_text(tokens: Sequence[Token]) -> str:
    """The text of inline tokens, without its marks."""
    return "".join(
        " " if token.type in {"softbreak", "hardbreak"} else token.content
        for token in tokens
        if token.type in {"text", "code_inline", "softbreak", "hardbreak", "picture", "no_picture"}
    )


def _fill(token: Token, rendered: Rendered) -> None:
    """Puts the template's values into a token and its children."""
    if not rendered.values:
        return
    fill = rendered.verbatim if token.type in {"fence", "code_block"} else rendered.folded
    token.content, token.info = fill(token.content), rendered.folded(token.info)
    for name, value in token.attrs.items():
        if isinstance(value, str):
            token.attrs[name] = _QUOTED_PLACEHOLDER.sub(
                lambda found: quote(rendered.values[int(found[1])], safe=_SAFE_IN_A_URL), value
            )
    for child in token.children or ():
        _fill(child, rendered)


def _placed(token: Token, pictures: Pictures) -> Token:
    """An image's token: ``picture``, whose meta holds it, or ``no_picture``, whose content is the notice in its place."""
    if token.type != "image":
        return token
    alt = plain_text(token.children or []) or token.content
    source = str(token.attrGet("src") or "")
    try:
        picture = pictures.find(source)
    except NoPicture as error:
        named = source if len(source) <= 200 and not source.startswith("data:") else ""
        about = ": ".join(part for part in (alt.strip(), named) if part)
        return Token("no_picture", "span", 0, content=f"[image not shown{': ' if about else ''}{about} ({error})]")
    return Token("picture", "img", 0, content=alt, meta={"picture": picture, "wanted": dict(token.meta)})


def _hide_empty_paragraphs(tokens: Sequence[Token]) -> None:
    """A paragraph of comments or dropped tags alone is not shown."""
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "paragraph_open" and inline.type == "inline" and closing.type == "paragraph_close":
            children = inline.children or []
            if not any(child.type not in {"softbreak", "text"} or child.content.strip() for child in children):
                opening.hidden = closing.hidden = True
                inline.children = []


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
    taken: dict[str, int] = {}
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


def _anchor(text: str, taken: dict[str, int]) -> str:
    """The id of a heading as GitHub writes it: lower case, dashes for spaces, a number where it is taken already."""
    slug = _NOT_IN_A_SLUG.sub("", text.strip().lower()).replace(" ", "-") or "section"
    if _FOOTNOTE_ID.match(slug):
        slug = f"section-{slug}"
    anchor = slug
    while anchor in taken:
        taken[slug] += 1
        anchor = f"{slug}-{taken[slug]}"
    taken[anchor] = 0
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
