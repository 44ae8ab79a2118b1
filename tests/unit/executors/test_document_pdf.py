"""Does the PDF say what the Markdown says, and can no text reach Typst as a program?"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from regen_executors.document.inputs import DocumentInputs
from regen_executors.document.markdown import parse
from regen_executors.document.pdf import pdf
from regen_executors.fonts import REPLACEMENT
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

_INJECTIONS = [
    '#panic("injected")',
    '#read("/etc/passwd")',
    '#import "@preview/example:0.1.0": *',
    '#include "/etc/passwd"',
    '#eval("1+1")',
    '"); #panic("x") //',
    "\\u{23}panic() \\#x ]#panic()[",
    "$ sum_(i=0)^n $ <label> @label @missing",
    "/* comment */ // comment",
    "sys.inputs.document",
    "= not a heading",
    "#set document(date: auto)",
]
_SPECIAL = st.text(st.sampled_from(list("#$\\[](){}\"'`*_~<>@=+-/|:^.,;!&% \n\tabc012")), max_size=150)


def _pdf(markdown: str, **inputs: object) -> bytes:
    model = DocumentInputs.model_validate({"title": "Title", "markdown": markdown, **inputs})
    return pdf(model, parse(markdown, "inputs.markdown"), {}, "inputs.markdown")


def _text(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)


def _squeezed(text: str) -> str:
    """Without white space: where lines are broken is the layout's affair."""
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("text", _INJECTIONS)
@pytest.mark.parametrize("place", ["```\n{}\n```", "title"])
def test_typst_code_in_a_text_is_printed_not_run(text: str, place: str) -> None:
    content = _pdf("x", title=text, subtitle=text, author=text) if place == "title" else _pdf(place.format(text))
    assert _squeezed(text) in _squeezed(_text(content))


def test_typst_code_in_paragraphs_headings_cells_and_notes_is_printed() -> None:
    code = '#panic("injected")'
    markdown = (
        f"# {code}\n\n{code} *{code}* [{code}](https://example.com/#x)[^1]\n\n"
        f"- {code}\n\n|{code}|\n|---|\n|{code}|\n\n[^1]: {code}\n"
    )
    assert _squeezed(_text(_pdf(markdown, toc=True))).count(_squeezed(code)) >= 8


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_SPECIAL, st.booleans())
def test_no_markdown_of_special_characters_stops_typst(text: str, toc: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    assert _pdf(text, toc=toc).startswith(b"%PDF-1.7")


def test_the_text_of_every_construct_is_on_the_page() -> None:
    markdown = (
        "# One\n\nA **bold** *word*, `code`, ~~gone~~.  \nNext line[^n], again[^n].\n\n"
        "1. first\n   - inner\n2. second\n\n> quoted\n\n"
        "| left | right |\n|:--|--:|\n| l1 | r1 |\n\n```python\nprint('x')\n```\n\n"
        "Term\n: Meaning\n\n---\n\n[^n]: The note[^m].\n[^m]: Deep.\n"
    )
    text = _text(_pdf(markdown, toc=True, subtitle="Sub", author="Someone", date="2026-01-02"))
    words = [
        "One",
        "bold",
        "word",
        "code",
        "gone",
        "Next line",
        "first",
        "inner",
        "second",
        "quoted",
        "left",
        "r1",
        "print('x')",
    ]
    for word in (*words, "Term", "Meaning", "The note", "Deep.", "Contents", "Sub", "Someone · 2026-01-02"):
        assert word in text


def _rightmost(content: bytes) -> float:
    """Where the rightmost piece of text begins, in points."""
    places: list[float] = []
    for page in PdfReader(BytesIO(content)).pages:
        page.extract_text(visitor_text=lambda text, cm, tm, *_: places.append(tm[4] * cm[0] + cm[4]) if text.strip() else None)
    return max(places)


def test_a_note_in_a_heading_is_printed_once() -> None:
    text = _text(_pdf("# Head[^n]\n\n## Next^[inline]\n\nagain[^n]\n\n[^n]: The note.\n", toc=True))
    assert (text.count("Head"), text.count("The note."), text.count("inline")) == (2, 1, 1)


def test_the_metadata_has_title_author_and_language_and_no_date() -> None:
    reader = PdfReader(BytesIO(_pdf("x", title="A <title>", author="Someone", language="de-AT")))
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("A <title>", "Someone")
    assert not {"/CreationDate", "/ModDate"} & set(reader.metadata)
    root: Any = reader.root_object
    assert root["/Lang"] == "de-AT"
    assert bool(root["/MarkInfo"]["/Marked"])


@pytest.mark.parametrize(("paper", "points"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_the_page_has_the_size_of_the_paper(paper: str, points: tuple[int, int]) -> None:
    box = PdfReader(BytesIO(_pdf("x", paper=paper))).pages[0].mediabox
    assert (round(box.width), round(box.height)) == points


def test_only_the_fonts_that_typst_carries_are_used() -> None:
    reader = PdfReader(BytesIO(_pdf("text `code` **bold**")))
    pages: Any = reader.pages
    names = {str(font.get_object()["/BaseFont"]) for page in pages for font in page["/Resources"]["/Font"].values()}
    assert names
    assert all("Libertinus" in name or "DejaVuSansMono" in name for name in names)


def test_characters_that_no_font_has_are_replaced_and_listed_with_their_lines() -> None:
    text = _text(_pdf("a 日本 b\n\nc \U00012000 d\n\n```\n\U00012001\n```\n\n\U00012000\n"))
    assert "a 日本 b" in text
    assert f"c {REPLACEMENT} d" in text
    notice = "U+12000 CUNEIFORM SIGN A (lines 3, 9); U+12001 CUNEIFORM SIGN A TIMES A (line 6)."
    assert _squeezed(f"are printed as {REPLACEMENT}: {notice}") in _squeezed(text)


@pytest.mark.parametrize(
    "text", ["ก\u0301", "x\u20dd", "1\ufe0f\u20e3", "\u1680", "\u3000", "\u00ad", "\u200b", "\ufffd", "א\u0301"]
)
@pytest.mark.parametrize("place", ["{}", "`{}`", "**{}**"])
def test_no_combination_of_characters_stops_the_pdf(text: str, place: str) -> None:
    assert _pdf(place.format(f"a{text}b")).startswith(b"%PDF")


def test_a_font_can_be_given_as_a_source(run: Callable[..., dict[str, bytes]]) -> None:
    inputs = {"title": "T", "markdown": "x", "fonts": ["font.otf"], "formats": ["pdf"]}
    with pytest.raises(InvalidInput, match=r"^inputs\.fonts\[0\]: expected the name of one of the instruction's sources"):
        run("document", inputs)
    with pytest.raises(InvalidInput, match=r"^inputs\.fonts\[0\]: expected a TrueType or OpenType font in source"):
        run("document", inputs, {"font.otf": b"no font"})


def test_what_is_nested_too_deep_is_capped() -> None:
    with pytest.raises(Capped, match=r"inputs\.markdown: "):
        _pdf("> " * 60 + "x")


@pytest.mark.parametrize("depth", [5, 10, 15, 20, 30, 39])
@pytest.mark.parametrize("kind", ["quotes", "bullets", "numbers"])
def test_what_is_nested_stays_on_the_page(depth: int, kind: str) -> None:
    if kind == "quotes":
        markdown = "> " * depth + "innermost"
    else:
        mark = "- " if kind == "bullets" else "1. "
        depth = min(depth, 18)  # an item takes two levels
        markdown = "".join(
            " " * len(mark) * level + f"{mark}{'innermost' if level == depth - 1 else 'x'}\n" for level in range(depth)
        )
    content = _pdf(markdown)
    assert "innermost" in _text(content)
    assert _rightmost(content) < 595 - 60


def test_the_program_is_constant() -> None:
    source = Path(pdf.__code__.co_filename).with_name("page.typ").read_text()
    assert "eval(" not in source
    assert "#import" not in source
