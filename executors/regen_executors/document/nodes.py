"""Tokens to the nodes that ``page.typ`` draws: plain JSON objects with a ``kind``.

Footnotes go where they are first referred to, so that they end up on that page. One that is only referred to from another
footnote is listed at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markdown_it.tree import SyntaxTreeNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from markdown_it.token import Token

Node = dict[str, Any]

_SPANS = {"strong": "strong", "em": "emph", "s": "strike"}
_ALIGNMENT = "text-align:"


def nodes_of(tokens: Sequence[Token]) -> list[Node]:
    """The nodes of a document's tokens, as ``regen_executors.document.markdown.parse`` makes them."""
    tree = SyntaxTreeNode(list(tokens))
    blocks = [node for node in tree.children if node.type != "footnote_block"]
    notes = {int(note.meta["id"]): note for block in tree.children if block.type == "footnote_block" for note in block.children}
    return _Drawing(notes).document(blocks)


class _Drawing:
    """One document. ``_notes`` are its footnotes by number, ``_placed`` those that stand on a page already."""

    def __init__(self, notes: dict[int, SyntaxTreeNode]) -> None:
        self._notes = notes
        self._placed: set[int] = set()
        self._inside_a_note = False
        self._blocks: dict[str, Callable[[SyntaxTreeNode], Node]] = {
            "heading": self._heading,
            "fence": _code_block,
            "code_block": _code_block,
            "bullet_list": self._list,
            "ordered_list": self._list,
            "dl": self._terms,
            "table": self._table,
            "hr": lambda _: {"kind": "rule"},
            "softbreak": lambda _: {"kind": "space"},
            "hardbreak": lambda _: {"kind": "break"},
            "text": lambda node: {"kind": "text", "text": node.content},
            "code_inline": lambda node: {"kind": "code", "text": node.content},
            "link": self._link,
            "footnote_ref": self._reference,
            "footnote_anchor": lambda _: _plain([]),
            "inline": lambda node: _plain(self._all(node.children)),
            "blockquote": lambda node: {"kind": "quote", "body": self._all(node.children)},
            "paragraph": self._paragraph,
        }

    def document(self, blocks: Iterable[SyntaxTreeNode]) -> list[Node]:
        body = self._all(blocks)
        self._inside_a_note = True
        left = [number for number in sorted(self._notes) if number not in self._placed]
        if left:
            body.append({"kind": "rule"})
        for number in left:
            first, *others = self._note(number)
            body += [_paragraph([{"kind": "mark", "number": number + 1}, {"kind": "space"}, first]), *others]
        return body

    def _note(self, number: int) -> list[Node]:
        """A footnote's body; its first paragraph flows on from the mark."""
        first, *others = self._all(self._notes[number].children) or [_plain([])]
        return [first | {"kind": "plain"} if first["kind"] == "paragraph" else first, *others]

    def _all(self, nodes: Iterable[SyntaxTreeNode]) -> list[Node]:
        return [self._one(node) for node in nodes]

    def _one(self, node: SyntaxTreeNode) -> Node:
        if node.type in _SPANS:
            return {"kind": _SPANS[node.type], "body": self._all(node.children)}
        return self._blocks[node.type](node)

    def _paragraph(self, node: SyntaxTreeNode) -> Node:
        """A paragraph; what stands in a tight list is none (its tokens are hidden)."""
        hidden = node.nester_tokens is not None and node.nester_tokens.opening.hidden
        body = self._all(node.children)
        return _plain(body) if hidden else _paragraph(body)

    def _heading(self, node: SyntaxTreeNode) -> Node:
        anchor = node.attrGet("id")
        if anchor is None:
            return _plain([])
        return {"kind": "heading", "level": int(node.tag[1]), "anchor": anchor, "body": self._all(node.children)}

    def _list(self, node: SyntaxTreeNode) -> Node:
        paragraphs = [child for item in node.children for child in item.children if child.type == "paragraph"]
        tight = all(p.nester_tokens is not None and p.nester_tokens.opening.hidden for p in paragraphs)
        items = [self._all(item.children) for item in node.children]
        if node.type == "bullet_list":
            return {"kind": "bullets", "tight": tight, "items": items}
        start = node.attrGet("start")
        return {"kind": "numbers", "tight": tight, "items": items, "start": 1 if start is None else int(start)}

    def _terms(self, node: SyntaxTreeNode) -> Node:
        items: list[Node] = []
        for child in node.children:
            body = self._all(child.children)
            if child.type == "dt" or not items:
                items.append({"term": body, "body": []})
            else:
                items[-1]["body"] += [*([{"kind": "break"}] if items[-1]["body"] else []), *body]
        return {"kind": "terms", "items": items}

    def _table(self, node: SyntaxTreeNode) -> Node:
        rows = [row for part in node.children for row in part.children]
        head, *others = rows
        return {
            "kind": "table",
            "align": [_alignment(cell) for cell in head.children],
            "head": [self._all(cell.children) for cell in head.children],
            "cells": [self._all(cell.children) for row in others for cell in row.children],
        }

    def _link(self, node: SyntaxTreeNode) -> Node:
        href = str(node.attrGet("href"))
        body = self._all(node.children)
        if href.startswith("#"):
            return {"kind": "jump", "anchor": href[1:], "body": body}
        return {"kind": "link", "url": href, "body": body}

    def _reference(self, node: SyntaxTreeNode) -> Node:
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


def _plain(body: list[Node]) -> Node:
    return {"kind": "plain", "body": body}


def _paragraph(body: list[Node]) -> Node:
    return {"kind": "paragraph", "body": body}


def _code_block(node: SyntaxTreeNode) -> Node:
    return {"kind": "codeblock", "text": node.content.removesuffix("\n")}


def _alignment(cell: SyntaxTreeNode) -> str:
    style = str(cell.attrGet("style") or "")
    return style.removeprefix(_ALIGNMENT) if style.startswith(_ALIGNMENT) else "start"
