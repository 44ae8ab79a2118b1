"""Is the HTML a page that stands alone, shows what the Markdown says, and runs nothing?"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from regen_executors.document.html import page
from regen_executors.document.inputs import DocumentInputs
from regen_executors.document.markdown import parse

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=200)
_HOSTILE = st.text(st.sampled_from(list("<>\"'&/=()[]!`*_#:.- \n\\xjavscriptonerrlmg")), max_size=200)
_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "h1", "h2", "h3", "h4", "h5", "h6", "p", "a"),
    *("em", "strong", "s", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br", "sup", "section", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tr", "th", "td", "sub", "sup", "kbd", "img", "input", "div", "span"),
}
_ATTRIBUTES = {
    *("id", "class", "href", "lang", "dir", "charset", "content", "name", "http-equiv", "style", "start", "aria-label"),
    *("src", "alt", "width", "height", "type", "checked", "disabled"),
}


class _Elements(HTMLParser):
    """Every tag and attribute of a page, and its text."""

    def __init__(self, page_bytes: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(page_bytes.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(markdown: str, **inputs: Any) -> _Elements:
    model = DocumentInputs.model_validate({"title": "Title", "markdown": markdown, **inputs})
    return _Elements(page(model, parse(markdown, "inputs.markdown")))


def _is_inert(found: _Elements) -> bool:
    schemes = ("http://", "https://", "mailto:", "tel:", "http:", "https:", "#", "data:image/")
    safe_links = all(link.lower().startswith(schemes) for link in found.links)
    return found.tags <= _TAGS and found.attributes <= _ATTRIBUTES and safe_links and len(set(found.ids)) == len(found.ids)


@given(_TEXT | _HOSTILE)
def test_no_markdown_makes_an_element_that_runs_or_loads(text: str) -> None:
    assert _is_inert(_page(text, toc=True))


@given(_TEXT.filter(str.strip))
def test_a_title_is_text_whatever_it_holds(title: str) -> None:
    found = _page("x", title=title, subtitle=title, author=title, date=title, toc=True, tocTitle=title.strip()[:100])
    assert _is_inert(found)
    assert " ".join(title.split()) in " ".join(found.text.split())


def test_scripts_and_html_stay_text() -> None:
    found = _page('<script>alert(1)</script>\n\n<img src=x onerror="alert(2)"> a <b onclick="x">b</b>\n\n<svg onload=x>\n')
    assert _is_inert(found)
    assert "<script>alert(1)</script>" in found.text
    assert "[image not shown: x (no source has this name)] a b" in found.text
    assert "<svg onload=x>" in found.text


def test_links_to_what_the_page_cannot_reach_become_their_text() -> None:
    found = _page(
        "[one](javascript:alert(1)) [two](../two.html) [three](data:text/html,x) [four](#nowhere) <file:///etc/passwd>"
    )
    assert found.links == []
    assert "one two three four" in found.text


def test_links_to_the_web_and_to_headings_stay() -> None:
    found = _page("# A heading\n\n[a](https://example.com/?a=1&b=2) [b](mailto:a@example.com) [c](#a-heading)")
    assert found.links == ["https://example.com/?a=1&b=2", "mailto:a@example.com", "#a-heading"]


def test_an_image_on_the_web_is_named_in_its_place() -> None:
    found = _page("before ![a *fine* picture](https://example.com/p.png) after")
    assert found.links == []
    why = "(images on the web are not fetched; name it in sources)"
    assert f"before [image not shown: a fine picture: https://example.com/p.png {why}] after" in found.text


def test_headings_leave_no_level_out_and_have_ids_of_their_own() -> None:
    found = _page("### Same\n\n# Same\n\n##### Same\n\n# fn1\n\nnote[^1]\n\n[^1]: text\n")
    assert found.ids == ["same", "same-1", "same-2", "section-fn1", "fnref1", "fn1"]
    assert found.tags & {"h1", "h2", "h3", "h4"} == {"h1", "h2"}


def test_everything_of_the_dialect_is_drawn(run: Callable[..., dict[str, bytes]]) -> None:
    markdown = (
        "| a | b |\n|---|--:|\n| 1 | 2 |\n\n1. x\n2. y\n\n> quote\n\n~~gone~~ note[^n]\n\n"
        "Term\n: Meaning\n\n---\n\n[^n]: The note.\n"
    )
    html = run("document", {"title": "T", "markdown": markdown, "formats": ["html"]})["document.html"].decode()
    for part in (
        "<td>1</td>",
        'text-align:right">2</td>',
        "<li>y</li>",
        "<blockquote>",
        "<s>gone</s>",
        "<dd>Meaning</dd>",
        "The note.",
    ):
        assert part in html


def test_a_right_to_left_language_turns_the_page(run: Callable[..., dict[str, bytes]]) -> None:
    html = run("document", {"title": "T", "markdown": "x", "language": "he-IL", "formats": ["html"]})["document.html"]
    assert b'<html lang="he-IL" dir="rtl">' in html
