"""Tokens to the nodes that ``page.typ`` draws: plain JSON objects with a ``kind``.

Nothing may leave the page: words longer than their line become nodes that break anywhere, tables are laid out by ``tables``,
images shrink to the width that is left, and lists and quotes stop indenting where little is left. Footnotes go where they are
first referred to, so that they end up on that page. One that is only referred to from another footnote is listed at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from markdown_it.tree import SyntaxTreeNode

from regen_executors.document.tables import CELL_INSET, Column, ems, fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from markdown_it.token import Token

    from regen_executors.document.images import Picture

Node = dict[str, Any]

TEXT_SIZE: Final = 10.5
HEADING_SIZES: Final = (15.0, 12.5, TEXT_SIZE)
_CODE_SIZE: Final = 0.84
_CODE_WIDTH: Final = 0.603  # ems of a character of DejaVu Sans Mono
_INDENT: Final = 20.0
_QUOTE_INDENT: Final = 22.0
_CODE_INSET: Final = 18.0
_WIDEST: Final = 1.5  # ems of the widest character
_MANY_PLACES: Final = 4_000
"""Places to break in one text beyond which Typst takes seconds."""
_NARROWEST: Final = 170.0
"""Points of width beneath which lists and quotes indent no further."""
_TALLEST: Final = 600.0
_POINTS_A_PIXEL: Final = 0.75
_SPANS: Final = {"strong": "strong", "em": "emph", "s": "strike", "sub": "sub", "sup": "super", "kbd": "kbd"}
_ALIGNMENT: Final = "text-align:"
_EMOJI: Final = re.compile("([0-9#*]\ufe0f?\u20e3|\\S\ufe0f(?:\u200d\\S\ufe0f?)*)")
_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Room:
    """What a node is drawn in.

    Attributes:
        width: in points.
        size: of its type, in points.
        turnable: the width of a turned page, where a page may be turned for it.
        breaks: whether spans may break everywhere: together they make a word that is longer than the line.
    """

    width: float
    size: float = TEXT_SIZE
    turnable: float | None = None
    breaks: bool = False

    @property
    def line(self) -> float:
        """The ems of a line."""
        return max(4.0, self.width / self.size)

    def narrower(self, by: float) -> Room:
        """The room inside of an indented node, where no page may be turned."""
        return replace(self, width=self.width - by, turnable=None)


@dataclass(slots=True)
class Drawn:
    """The nodes of a document, and the pictures that they name by path."""

    body: list[Node] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)


def nodes_of(tokens: Sequence[Token], width: float = 459.0, landscape: float = 705.0) -> Drawn:
    """The nodes of a document's tokens, as ``markdown.parse`` returns them; widths are those of the page's text, in points."""
    tree = SyntaxTreeNode(list(tokens))
    blocks = [node for node in tree.children if node.type != "footnote_block"]
    notes = {int(note.meta["id"]): note for block in tree.children if block.type == "footnote_block" for note in block.children}
    drawing = _Drawing(notes, Room(width, turnable=landscape))
    return Drawn(drawing.document(blocks), drawing.pictures)


def text_nodes(text: str, room: Room) -> list[Node]:
    """Plain text; words longer than the line break anywhere, and emoji that are a sequence are drawn by the emoji font."""
    long = [word for word in _WORD.finditer(text) if len(word[0]) * 0.2 > room.line or ems(word[0]) > room.line]
    every = _every(long, int(room.line / _WIDEST))
    nodes: list[Node] = []
    at = 0
    for word in long:
        nodes += _with_emoji(text[at : word.start()])
        nodes.append({"kind": "token", "text": word[0], "every": every})
        at = word.end()
    return [*nodes, *_with_emoji(text[at:])]


def _every(long: Sequence[re.Match[str]], safe: int) -> int:
    """After how many characters long words break: after each, or where there is much of them, after what surely fits a line."""
    return 1 if sum(len(word[0]) for word in long) <= _MANY_PLACES else max(1, safe)


def _with_emoji(text: str) -> list[Node]:
    """The symbol fonts have the parts of such a sequence, only the emoji font has the whole."""
    if "\ufe0f" not in text and "\u20e3" not in text:
        return [{"kind": "text", "text": text}] if text else []
    parts = _EMOJI.split(text)  # the odd ones are emoji
    return [{"kind": "emoji" if place % 2 else "text", "text": part} for place, part in enumerate(parts) if part]


class _Drawing:
    """One document. ``_notes`` are its footnotes by number, ``_placed`` those that stand on a page already."""

    def __init__(self, notes: dict[int, SyntaxTreeNode], room: Room) -> None:
        self.pictures: dict[str, Picture] = {}
        self._notes = notes
        self._page = room
        self._placed: set[int] = set()
        self._inside_a_note = False
        self._blocks: dict[str, Callable[[SyntaxTreeNode, Room], Node]] = {
            "heading": self._heading,
            "fence": _code_block,
            "code_block": _code_block,
            "bullet_list": self._list,
            "ordered_list": self._list,
            "dl": self._terms,
            "table": self._table,
            "hr": lambda _node, _room: {"kind": "rule"},
            "softbreak": lambda _node, _room: {"kind": "space"},
            "hardbreak": lambda _node, _room: {"kind": "break"},
            "text": lambda node, room: _plain(text_nodes(node.content, room)),
            "no_picture": lambda node, room: {"kind": "notice", "body": text_nodes(node.content, room)},
            "picture": self._picture,
            "code_inline": _code,
            "link": self._link,
            "footnote_ref": self._reference,
            "footnote_anchor": lambda _node, _room: _plain([]),
            "inline": lambda node, room: _plain(self._inline(node, room)),
            "blockquote": self._quote,
            "alert": self._quote,
            "alert_title": lambda node, room: _paragraph([{"kind": "strong", "body": self._all(node.children, room)}]),
            "paragraph": self._paragraph,
        }

    def document(self, blocks: Iterable[SyntaxTreeNode]) -> list[Node]:
        body = self._all(blocks, self._page)
        self._inside_a_note = True
        left = [number for number in sorted(self._notes) if number not in self._placed]
        if left:
            body.append({"kind": "rule"})
        for number in left:
            first, *others = self._note(number)
            body += [_block([{"kind": "mark", "number": number + 1}, {"kind": "space"}, first]), *others]
        return body

    def _note(self, number: int) -> list[Node]:
        """A footnote's body; its first paragraph flows on from the mark."""
        room = self._page.narrower(_INDENT)
        first, *others = self._all(self._notes[number].children, room) or [_plain([])]
        return [first | {"kind": "plain"} if first["kind"] == "paragraph" else first, *others]

    def _all(self, nodes: Iterable[SyntaxTreeNode], room: Room) -> list[Node]:
        drawn = [self._one(node, room) for node in nodes]
        return [part for one in drawn for part in (one, {"kind": "gap"})] if room.breaks else drawn

    def _one(self, node: SyntaxTreeNode, room: Room) -> Node:
        if node.type in _SPANS:
            return {"kind": _SPANS[node.type], "body": self._all(node.children, room)}
        return self._blocks[node.type](node, room)

    def _inline(self, node: SyntaxTreeNode, room: Room) -> list[Node]:
        """The spans of a paragraph; words that only many spans together make too long break between and within them."""
        if not any(ems(word) > room.line for word in _WORD.findall(_flat(node, room))):
            return self._all(node.children, room)
        return self._all(node.children, replace(room, width=room.size * 4, breaks=True))

    def _paragraph(self, node: SyntaxTreeNode, room: Room) -> Node:
        """A paragraph; what stands in a tight list is none (its tokens are hidden)."""
        hidden = node.nester_tokens is not None and node.nester_tokens.opening.hidden
        body = self._all(node.children, room)
        return _plain(body) if hidden else _paragraph(body)

    def _heading(self, node: SyntaxTreeNode, room: Room) -> Node:
        anchor = node.attrGet("id")
        if anchor is None:
            return _plain([])
        level = int(node.tag[1])
        size = HEADING_SIZES[min(level, len(HEADING_SIZES)) - 1]
        body = self._all(node.children, replace(room, size=size, turnable=None))
        return {"kind": "heading", "level": level, "anchor": anchor, "body": body}

    def _quote(self, node: SyntaxTreeNode, room: Room) -> Node:
        inner = room.narrower(_QUOTE_INDENT if room.width > _NARROWEST else 0)
        body = self._all(node.children, inner)
        return {"kind": "quote", "body": body} if room.width > _NARROWEST else _plain(body)

    def _list(self, node: SyntaxTreeNode, room: Room) -> Node:
        paragraphs = [child for item in node.children for child in item.children if child.type == "paragraph"]
        tight = all(p.nester_tokens is not None and p.nester_tokens.opening.hidden for p in paragraphs)
        indents = room.width > _NARROWEST
        inner = room.narrower(_INDENT if indents else 0)
        items = [_task(item) + self._all(item.children, inner) for item in node.children]
        start = int(given) if (given := node.attrGet("start")) is not None else 1
        numbered = node.type == "ordered_list"
        if not indents:
            marks = [f"{start + place}. " if numbered else "• " for place in range(len(items))]
            return _plain([_block([{"kind": "text", "text": mark}, *item]) for mark, item in zip(marks, items, strict=True)])
        drawn = {"tight": tight, "items": items, "outer": room.turnable is not None}
        if numbered:
            return {"kind": "numbers", "start": start, **drawn}
        return {"kind": "bullets", "tasks": all(_task(item) for item in node.children), **drawn}

    def _terms(self, node: SyntaxTreeNode, room: Room) -> Node:
        items: list[Node] = []
        for child in node.children:
            body = self._all(child.children, room.narrower(_INDENT))
            if child.type == "dt" or not items:
                items.append({"term": body, "body": []})
            else:
                items[-1]["body"] += [*([{"kind": "break"}] if items[-1]["body"] else []), *body]
        return {"kind": "terms", "items": items}

    def _table(self, node: SyntaxTreeNode, room: Room) -> Node:
        rows = [row.children for part in node.children for row in part.children]
        columns = [_column([row[index] for row in rows]) for index in range(len(rows[0]))]
        layout = fitted(columns, room.width, room.turnable)
        width = room.turnable if layout.turned and room.turnable is not None else room.width
        tables = []
        for group, widths in zip(layout.groups, layout.widths, strict=True):
            share = widths or tuple(width for _ in group)
            rooms = [Room(one - CELL_INSET, layout.size) for one in share]
            cells = [[self._all(row[i].children, rooms[at]) for at, i in enumerate(group)] for row in rows]
            align = [_alignment(rows[0][index]) for index in group]
            columns_of = list(widths) if widths else len(group)
            body = [cell for row in cells[1:] for cell in row]
            tables.append({"columns": columns_of, "align": align, "head": cells[0], "cells": body})
        return {"kind": "table", "size": layout.size, "turned": layout.turned, "tables": tables}

    def _picture(self, node: SyntaxTreeNode, room: Room) -> Node:
        picture: Picture = node.meta["picture"]
        wanted: dict[str, int] = node.meta["wanted"]
        path = next((path for path, one in self.pictures.items() if one is picture), None)
        if path is None:
            path = f"/images/{len(self.pictures)}.{picture.kind}"
            self.pictures[path] = picture
        width, height = sized(picture, wanted)
        scale = min(1.0, room.width / width, _TALLEST / height)
        return {"kind": "image", "path": path, "width": width * scale, "height": height * scale, "alt": node.content.strip()}

    def _link(self, node: SyntaxTreeNode, room: Room) -> Node:
        href = str(node.attrGet("href"))
        body = self._all(node.children, room)
        if href.startswith("#"):
            return {"kind": "jump", "anchor": href[1:], "body": body}
        return {"kind": "link", "url": href, "body": body}

    def _reference(self, node: SyntaxTreeNode, _room: Room) -> Node:
        number = int(node.meta["id"])
        if self._inside_a_note or number not in self._notes:
            return {"kind": "mark", "number": number + 1}
        if number in self._placed:
            return {"kind": "again", "number": number + 1}
        self._placed.add(number)
        self._inside_a_note = True
        body = self._note(number)
        self._inside_a_note = False
        return {"kind": "footnote", "number": number + 1, "body": body}


def sized(picture: Picture, wanted: dict[str, int]) -> tuple[float, float]:
    """The size of a picture in points: the width and height that an ``<img>`` asks for, else its own at 96 pixels an inch."""
    width, height = max(1.0, picture.width), max(1.0, picture.height)
    if "width" in wanted:
        width, height = float(wanted["width"]), wanted.get("height", height * wanted["width"] / width)
    elif "height" in wanted:
        width, height = width * wanted["height"] / height, float(wanted["height"])
    return max(1.0, width) * _POINTS_A_PIXEL, max(1.0, height) * _POINTS_A_PIXEL


def _plain(body: list[Node]) -> Node:
    return {"kind": "plain", "body": body}


def _paragraph(body: list[Node]) -> Node:
    return {"kind": "paragraph", "body": body}


def _block(body: list[Node]) -> Node:
    """What a paragraph cannot be: it may hold lists and blocks of code, which Typst drops from inside of a paragraph."""
    return {"kind": "block", "body": body}


def _task(item: SyntaxTreeNode) -> list[Node]:
    """The check box of a task, if the item is one."""
    return [{"kind": "task", "checked": bool(item.meta["checked"])}] if "checked" in item.meta else []


def _code(node: SyntaxTreeNode, room: Room) -> Node:
    return _raw("code", node.content, int(room.line / (_CODE_SIZE * _CODE_WIDTH)))


def _code_block(node: SyntaxTreeNode, room: Room) -> Node:
    fits = int((room.width - _CODE_INSET) / (_CODE_SIZE * TEXT_SIZE * _CODE_WIDTH))
    return _raw("codeblock", node.content.removesuffix("\n"), fits)


def _raw(kind: str, text: str, fits: int) -> Node:
    """Code; ``every`` is 0 where every word fits the line."""
    long = [word for word in _WORD.finditer(text) if len(word[0]) > fits]
    return {"kind": kind, "text": text, "every": _every(long, fits // 2) if long else 0}


def _flat(node: SyntaxTreeNode, room: Room) -> str:
    """The text of a paragraph without the words that break by themselves."""
    parts = []
    for leaf in node.walk():
        if leaf.type == "text":
            parts += [word if ems(word) <= room.line else " " for word in re.split(r"(\s+)", leaf.content)]
        elif leaf.type == "code_inline":
            parts.append(leaf.content)
        elif leaf.type in {"softbreak", "hardbreak", "picture", "no_picture"}:
            parts.append(" ")
    return "".join(parts)


def _column(cells: Sequence[SyntaxTreeNode]) -> Column:
    word = whole = 0.0
    for cell in cells:
        longest, length = _needs(cell)
        word, whole = max(word, longest), max(whole, length)
    return Column(word, whole)


def _needs(cell: SyntaxTreeNode) -> tuple[float, float]:
    """The longest word of a cell and the length of all its words, in ems. Words that several spans make are one word."""
    text, longest, length = "", 0.0, 0.0
    for leaf in cell.walk():
        if leaf.type in {"text", "no_picture"}:
            text += leaf.content
        elif leaf.type == "code_inline":
            words = [ems(word, mono=True) for word in leaf.content.split()]
            longest, length = max([longest, *words]), length + ems(leaf.content, mono=True) + 0.3
            text += " "
        elif leaf.type == "picture":
            width = min(120.0, sized(leaf.meta["picture"], leaf.meta["wanted"])[0]) / TEXT_SIZE
            longest, length = max(longest, width), length + width
        elif leaf.type in {"softbreak", "hardbreak", "footnote_ref"}:
            text += " "
    words = [ems(word) for word in text.split()]
    return max([longest, *words]), length + sum(words) + 0.3 * len(words)


def _alignment(cell: SyntaxTreeNode) -> str:
    style = str(cell.attrGet("style") or "")
    return style.removeprefix(_ALIGNMENT) if style.startswith(_ALIGNMENT) else "start"
