"""The HTML that Markdown may hold: comments, which are dropped, and a few tags. Every other tag stays text.

``<br>`` breaks the line; ``<sub>``, ``<sup>``, ``<kbd>``, ``<b>``, ``<strong>``, ``<i>``, ``<em>``, ``<s>``, ``<del>`` and
``<a href>`` mark what they enclose; ``<img>`` is an image. ``<h1>`` to ``<h6>`` and ``<summary>`` are bold. ``<p>``, ``<div>``,
``<center>``, ``<span>``, ``<picture>``, ``<source>`` and ``<details>`` leave what they enclose. No other attribute counts.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

from markdown_it.token import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS: Final = {
    **{name: name for name in ("sub", "sup", "kbd", "strong", "em", "s", "a")},
    "b": "strong",
    "i": "em",
    "del": "s",
    "summary": "strong",
    **{f"h{level}": "strong" for level in range(1, 7)},
}
_DROPPED: Final = frozenset({"p", "div", "center", "span", "picture", "source", "details"})
_TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9]*)(?=[\s/>])", re.IGNORECASE)
_PIXELS: Final = re.compile(r"\d{1,5}")


def without_html(children: Sequence[Token]) -> list[Token]:
    """Inline tokens with comments dropped, known tags as tokens of Markdown, and other tags as text."""
    if not any(child.type == "html_inline" for child in children):
        return list(children)
    tags = [_named(child) for child in children]
    pairs = _paired(tags)
    return [
        token for index, child in enumerate(children) if (token := _token(child, tags[index], pairs.get(index))) is not None
    ]


def _named(child: Token) -> tuple[str, bool] | None:
    """The tag's name in lower case and whether it closes; None where it is no tag."""
    found = _TAG.match(child.content) if child.type == "html_inline" else None
    return (found[2].lower(), bool(found[1])) if found else None


def _paired(tags: Sequence[tuple[str, bool] | None]) -> dict[int, int]:
    """Index of each opening tag of a mark → that of its closing tag, and back; only where they are nested properly."""
    pairs: dict[int, int] = {}
    opened: list[tuple[str, int]] = []
    for index, tag in enumerate(tags):
        if tag is None or tag[0] not in _MARKS:
            continue
        name, closes = tag
        if not closes:
            opened.append((name, index))
        elif any(one == name for one, _ in opened):
            while opened[-1][0] != name:
                opened.pop()
            start = opened.pop()[1]
            pairs[start], pairs[index] = index, start
    return pairs


def _token(child: Token, tag: tuple[str, bool] | None, partner: int | None) -> Token | None:
    if child.type != "html_inline" or child.content.startswith("<!--"):
        return child if child.type != "html_inline" else None
    if tag is None:
        return _text(child)
    name, closes = tag
    if name == "br":
        return Token("hardbreak", "br", 0)
    if name == "img":
        return _image(child)
    if name in _DROPPED:
        return None
    return _mark(child, name, closes=closes) if partner is not None else _text(child)


def _mark(child: Token, name: str, *, closes: bool) -> Token:
    kind = _MARKS[name]
    word = "link" if kind == "a" else kind
    token = Token(f"{word}_{'close' if closes else 'open'}", kind, -1 if closes else 1)
    if kind == "a" and not closes:
        token.attrs = {"href": _attributes(child.content).get("href", "")}
    return token


def _image(child: Token) -> Token:
    given = _attributes(child.content)
    alt = given.get("alt", "")
    token = Token("image", "img", 0, attrs={"src": given.get("src", ""), "alt": ""}, content=alt)
    token.children = [Token("text", "", 0, content=alt)] if alt else []
    token.meta = {side: int(given[side]) for side in ("width", "height") if _PIXELS.fullmatch(given.get(side, ""))}
    return token


def _text(child: Token) -> Token:
    return Token("text", "", 0, content=child.content)


def _attributes(tag: str) -> dict[str, str]:
    reader = _Reader()
    reader.feed(tag)
    reader.close()
    return reader.attributes


class _Reader(HTMLParser):
    """Reads the attributes of one tag."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - overrides
        self.attributes = {name: value or "" for name, value in reversed(attrs)}
