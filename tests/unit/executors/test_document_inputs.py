"""Does every wrong input of a document end in one error that names it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regen_executors.document.inputs import MAX_MARKDOWN_CHARACTERS
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

_GOOD = {"title": "T", "markdown": "x"}
_TEMPLATE = {"title": "T", "template": "{{ a }}"}
_SOURCE = {"title": "T", "source": "s.md"}


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"markdown": "x"}, "inputs.title"),
        (_GOOD | {"title": ""}, "inputs.title"),
        (_GOOD | {"title": "  "}, "inputs.title"),
        (_GOOD | {"title": 3}, "inputs.title"),
        (_GOOD | {"title": "a\x00b"}, "inputs.title"),
        (_GOOD | {"author": "\x1b"}, "inputs.author"),
        (_GOOD | {"toc": True, "tocTitle": "\ufeff"}, "inputs.tocTitle"),
        (_GOOD | {"extra": 1}, "inputs.extra"),
        (_GOOD | {"toc_title": "x"}, "inputs.toc_title"),
        (_GOOD | {"formats": []}, "inputs.formats"),
        (_GOOD | {"formats": ["html", "docx"]}, "inputs.formats[1]"),
        (_GOOD | {"formats": ["html", "html"]}, "inputs.formats"),
        (_GOOD | {"formats": "html"}, "inputs.formats"),
        (_GOOD | {"name": "../x"}, "inputs.name"),
        (_GOOD | {"language": "english!"}, "inputs.language"),
        (_GOOD | {"paper": "a3"}, "inputs.paper"),
        (_GOOD | {"toc": "yes"}, "inputs.toc"),
        (_GOOD | {"tocDepth": 7}, "inputs.tocDepth"),
        (_GOOD | {"markdown": "a\x07b"}, "inputs.markdown"),
        (_GOOD | {"markdown": "a\ud800b"}, "inputs.markdown"),
        (_GOOD | {"source": "s.md"}, "inputs"),
        ({"title": "T"}, "inputs"),
        (_GOOD | {"sourceKind": "template"}, "inputs"),
        (_GOOD | {"data": {}}, "inputs"),
        (_TEMPLATE | {"data": {"a": 1}, "dataSource": "d.json"}, "inputs"),
        (_TEMPLATE | {"data": []}, "inputs.data"),
        (_TEMPLATE | {"dataSource": "d.json"}, "inputs.dataSource"),
        (_TEMPLATE | {"data": {"a": "\x07"}}, "inputs.template"),
        (_TEMPLATE | {"dataSource": "bad.json"}, "inputs.dataSource"),
        (_TEMPLATE | {"dataSource": "list.json"}, "inputs.dataSource"),
        (_SOURCE, "inputs.source"),
        (_SOURCE | {"source": "latin.md"}, "inputs.source"),
        (_GOOD | {"fonts": [""]}, "inputs.fonts[0]"),
    ],
)
def test_a_wrong_input_is_named(run: Callable[..., dict[str, bytes]], inputs: dict[str, Any], field: str) -> None:
    sources = {"bad.json": b"{", "list.json": b"[]", "latin.md": b"\xe9"}
    with pytest.raises(InvalidInput) as caught:
        run("document", inputs, sources)
    assert caught.value.field == field
    assert caught.value.expected


def test_a_text_that_is_too_long_is_capped(run: Callable[..., dict[str, bytes]]) -> None:
    with pytest.raises(Capped) as caught:
        run("document", _GOOD | {"markdown": "x" * (MAX_MARKDOWN_CHARACTERS + 1)})
    assert caught.value.field == "inputs.markdown"


def test_formats_and_names_are_as_asked(run: Callable[..., dict[str, bytes]]) -> None:
    assert list(run("document", _GOOD)) == ["document.html", "document.pdf"]
    assert list(run("document", _GOOD | {"formats": ["pdf"], "name": "q3-report"})) == ["q3-report.pdf"]
