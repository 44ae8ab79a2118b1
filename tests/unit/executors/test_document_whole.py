"""Does everything that goes into a document come out of it: images, front matter, HTML, long words, wide tables, tasks?"""

from __future__ import annotations

import base64
import re
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from pypdf import PdfReader

from regen_executors.interface import Capped, InvalidInput
from tests.unit.executors.images import encoded, picture

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., dict[str, bytes]]

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 20"><rect width="30" height="20" fill="#c00"/></svg>'
_WIDTH = 595.28
_MARGIN = 60


def _made(run: Run, markdown: str, sources: dict[str, bytes] | None = None, **inputs: Any) -> tuple[str, PdfReader]:
    """The body of the HTML, and the PDF."""
    made = run("document", {"title": "T", "markdown": markdown, **inputs}, sources)
    html = made["document.html"].decode()
    return html[html.index("<main>") + 7 : html.index("</main>")], PdfReader(BytesIO(made["document.pdf"]))


def _text(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def _starts(page: Any) -> list[float]:
    """Where each piece of text begins, in points from the left edge."""
    places: list[float] = []
    page.extract_text(visitor_text=lambda text, cm, tm, *_: places.append(tm[4] * cm[0] + cm[4]) if text.strip() else None)
    return places


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_images_of_sources_are_embedded_with_their_alternative_text(run: Run, kind: str) -> None:
    body = encoded(picture(40, 30), kind)
    html, reader = _made(run, f"![A *chart*](./c.{kind})", {f"c.{kind}": body})
    assert f'src="data:image/{kind};base64,{base64.b64encode(body).decode()}" alt="A chart" width="40" height="30"' in html
    assert reader.pages[0].images[0].image.size == (40, 30)
    assert (
        b"A chart" in reader.stream.getvalue() or "A chart" in str(reader.trailer["/Root"]["/StructTreeRoot"]) or _alt(reader)
    )


def _alt(reader: PdfReader) -> bool:
    """Whether an element of the structure tree has the alternative text."""
    left = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while left:
        one = left.pop().get_object()
        if isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            if one.get("/Alt") == "A chart":
                return True
            left += [value for name, value in one.items() if name == "/K"]
    return False


def test_images_in_data_urls_and_drawings_are_embedded(run: Run) -> None:
    png = base64.b64encode(encoded(picture(8, 8), "png")).decode()
    html, reader = _made(run, f"![a](data:image/png;base64,{png}) ![b](d.svg)", {"d.svg": _SVG})
    assert f'src="data:image/png;base64,{png}"' in html
    assert f'src="data:image/svg+xml;base64,{base64.b64encode(_SVG).decode()}" alt="b" width="30" height="20"' in html
    assert len(reader.pages[0].images) == 1
    assert "not shown" not in _text(reader)


def test_an_image_is_shown_upright_and_no_wider_than_the_page(run: Run) -> None:
    made = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (3000, 10), "red").save(made, "JPEG", exif=exif)
    html, reader = _made(run, '<img src="a.jpg" width="2000" alt="x">\n\n![y](a.jpg)', {"a.jpg": made.getvalue()})
    assert 'alt="x" width="2000"' in html
    assert 'alt="y" width="10" height="3000"' in html
    assert len(reader.pages) <= 3


@pytest.mark.parametrize(
    ("target", "content", "why"),
    [
        ("none.png", None, "no source has this name"),
        ("https://example.com/a.png", None, "images on the web are not fetched"),
        ("a.png", b"no image", "not a readable PNG"),
        ("a.png", encoded(picture(40, 30), "png")[:60], "not a readable PNG"),
        ("a.svg", b"<svg", "not a readable SVG"),
        ("a.svg", b"<html/>", "not an image"),
        ("a.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>', "declares entities"),
        ("data:image/png;base64,!!", None, "not base64"),
        ("data:image/png", None, "malformed"),
        ("x" * 5000, None, "no source has this name"),
    ],
)
def test_an_image_that_cannot_be_placed_says_so_in_its_place(run: Run, target: str, content: bytes | None, why: str) -> None:
    html, reader = _made(run, f"before ![Sales](<{target}>) after", {target: content} if content is not None else None)
    assert re.search(rf"before <span class=\"notice\">\[image not shown: Sales.*{why}.*\]</span> after", html)
    assert "imagenotshown:Sales" in _squeezed(_text(reader))
    assert _squeezed(why) in _squeezed(_text(reader))


def test_front_matter_is_not_content_and_gives_author_and_date(run: Run) -> None:
    matter = '---\ntitle: Hello\ntags: [a, b]\nauthors:\n  - Ada\n  - "Grace H"\ndate: 2026-01-02 # a day\n---\n\n# Body\n'
    made = run("document", {"title": "T", "markdown": matter, "formats": ["html"]})["document.html"].decode()
    assert "Hello" not in made
    assert "tags" not in made
    assert '<p class="byline">Ada, Grace H · 2026-01-02</p>' in made
    given = run("document", {"title": "T", "markdown": matter, "author": "Own", "formats": ["html"]})["document.html"].decode()
    assert '<p class="byline">Own · 2026-01-02</p>' in given


@pytest.mark.parametrize(
    "matter", ["---\n# only a comment\n---\n", "---\nlayout: x\nlist:\n- a\n...\n", '+++\ntitle = "x"\n+++\n', "---\n---\n"]
)
def test_other_front_matter_is_skipped(run: Run, matter: str) -> None:
    assert _made(run, f"{matter}Text\n")[0] == "<p>Text</p>\n"


@pytest.mark.parametrize("markdown", ["---\n\nText with: colon? No.\n\n---\n\nmore", "---\nplain\n---\n", "---\na: b\n"])
def test_a_rule_at_the_head_is_no_front_matter(run: Run, markdown: str) -> None:
    assert "<hr />" in _made(run, markdown)[0]


def test_one_emoji_stops_neither_html_nor_pdf(run: Run) -> None:
    html, reader = _made(run, '<p align="center"><img src="x.png" alt="A logo"></p>\n\n# Made with care\n\n— 🦋 — 日本\n')
    assert "— 🦋 — 日本" in html
    assert "— 🦋 — 日本" in _text(reader)
    assert "no font" not in _text(reader)


def test_comments_are_dropped_and_a_few_tags_are_known(run: Run) -> None:
    markdown = (
        "a<!-- gone -->b\n\n<!--\ngone\n\nstill gone\n-->\n\n"
        "H<sub>2</sub>O x<sup>2</sup> <kbd>Ctrl</kbd>+<KBD>C</KBD> one<br>two<br/>three\n\n"
        '<p align="center">\n  <b>bold</b> <a href="https://example.com/x">link</a>\n</p>\n\n- item <!-- gone -->\n'
    )
    html, reader = _made(run, markdown)
    assert "<p>ab</p>" in html
    assert "gone" not in html + _text(reader)
    assert "H<sub>2</sub>O x<sup>2</sup> <kbd>Ctrl</kbd>+<kbd>C</kbd> one<br />\ntwo<br />\nthree" in html
    assert '<strong>bold</strong> <a href="https://example.com/x">link</a>' in html
    assert "&lt;" not in html
    for word in ("ab", "Ctrl", "two", "bold"):
        assert word in _text(reader)


@pytest.mark.parametrize(
    "markdown", ["<!-- never closed", "<sub>a", "a</sup>", "<sub>a <sup>b</sub> c</sup>", "<blink>a</blink>", "<!DOCTYPE x>"]
)
def test_html_that_is_unknown_or_unbalanced_stays_text(run: Run, markdown: str) -> None:
    html, reader = _made(run, markdown)
    assert "&lt;" in html
    assert "<" in _text(reader)


def test_tasks_have_check_boxes(run: Run) -> None:
    html, reader = _made(run, "- [ ] todo\n- [x] done\n- plain\n")
    assert re.search(r"<input [^>]*type=\"checkbox\"> todo", html)
    assert re.search(r"<input [^>]*type=\"checkbox\" checked=\"\"> done", html)
    assert "☐ todo" in _text(reader)
    assert "☑ done" in _text(reader)


def test_bare_urls_strikethrough_and_alerts_are_known(run: Run) -> None:
    html, reader = _made(run, "See https://example.com/a_b(c). ~one~ ~~two~~ a@example.com\n\n> [!WARNING]\n> Hot\n")
    assert 'See <a href="https://example.com/a_b(c)">https://example.com/a_b(c)</a>. <s>one</s> <s>two</s>' in html
    assert 'href="mailto:a@example.com"' in html
    assert "markdown-alert-warning" in html
    assert "Warning" in _text(reader)


_LONG = [
    "`{}`",
    "{}",
    "```\n{}\n```",
    "**{}**",
    "# {}",
    "- {}",
    "> - {}",
    "| a | b |\n|---|---|\n| {} | {} |",
    "[{}](https://example.com)",
    "word[^n]\n\n[^n]: {}",
    "Term\n: {}",
]


@pytest.mark.parametrize("place", _LONG)
@pytest.mark.parametrize("token", ["3f9aWM" * 40, "я" * 300, "**a**_b_" * 90], ids=["hex", "cyrillic", "spans"])
def test_long_words_break_inside_the_page(run: Run, place: str, token: str) -> None:
    reader = _made(run, place.replace("{}", token))[1]
    starts = [start for page in reader.pages for start in _starts(page)]
    limit = max(float(page.mediabox.width) for page in reader.pages)
    assert max(starts) < limit - _MARGIN
    shown = token if place.startswith("`") else re.sub(r"[*_]", "", token)
    assert shown[:200] in _squeezed(_text(reader))


def test_a_long_title_breaks_inside_the_page(run: Run) -> None:
    inputs = {"title": "W" * 300, "subtitle": "M" * 300, "author": "A" * 300, "markdown": "x", "formats": ["pdf"]}
    reader = PdfReader(BytesIO(run("document", inputs)["document.pdf"]))
    assert max(_starts(reader.pages[0])) < _WIDTH - _MARGIN
    assert _squeezed(_text(reader)).count("W") == 300


def _table(columns: int, cell: str = "value", rows: int = 2) -> str:
    line = [f"|{'|'.join(f'{cell}{number}x{row}' for number in range(columns))}|\n" for row in range(rows)]
    return f"|{'|'.join(f'Column {number}' for number in range(columns))}|\n|{'---|' * columns}\n{''.join(line)}"


@pytest.mark.parametrize(
    ("columns", "cell"), [(4, "v"), (12, "value"), (14, "value"), (30, "value"), (300, "v"), (6, "long" * 30)]
)
def test_wide_tables_are_readable(run: Run, columns: int, cell: str) -> None:
    reader = _made(run, f"before\n\n{_table(columns, cell)}\nafter\n", formats=["html", "pdf"])[1]
    whole = "\n".join(page.extract_text(extraction_mode="layout") for page in reader.pages)
    if cell != "long" * 30:
        assert {f"{cell}{number}x1" for number in range(columns)} <= set(re.findall(r"\w+", whole))
    for page in reader.pages:
        assert max(_starts(page), default=0) < float(page.mediabox.width) - _MARGIN
    upright = [page for page in reader.pages if float(page.mediabox.width) < 600]
    assert len(upright) == len(reader.pages) or columns >= 6


def test_a_table_inside_of_a_quote_is_not_turned(run: Run) -> None:
    quoted = "".join(f"> {line}\n" for line in _table(20).splitlines())
    reader = _made(run, quoted)[1]
    assert all(float(page.mediabox.width) < 600 for page in reader.pages)
    assert max(_starts(reader.pages[0])) < _WIDTH - _MARGIN


def test_the_house_style_is_in_both(run: Run) -> None:
    style = {
        "bodyFont": "brand.otf",
        "headingColour": "#aa0000",
        "linkColour": "#00aa00",
        "logo": "logo.svg",
        "logoAlt": "Acme",
        "header": "Acme Ltd",
        "footer": "Confidential",
        "pageNumbers": False,
    }
    font = _shipped("NotoSansOgham-Regular.ttf")
    inputs = {"title": "T", "markdown": "# H\n\nText ᚁ\n", "fonts": ["brand.otf"], "style": style}
    made = run("document", inputs, {"brand.otf": font, "logo.svg": _SVG})
    html = made["document.html"].decode()
    assert f"src: url(data:font/otf;base64,{base64.b64encode(font).decode()})" in html
    assert 'html { font-family: "Noto Sans Ogham", serif; }' in html
    assert "color: #aa0000" in html
    assert "--link: #00aa00" in html
    assert '<img class="logo" src="data:image/svg+xml;base64,' in html
    for line in ("Acme Ltd", "Confidential"):
        assert f'<p class="running">{line}</p>' in html
        assert line in _text(PdfReader(BytesIO(made["document.pdf"])))
    assert "1 / 1" not in _text(PdfReader(BytesIO(made["document.pdf"])))


@pytest.mark.parametrize(
    ("style", "field"),
    [
        ({"bodyFont": "none.otf"}, "inputs"),
        ({"logo": "none.png"}, "inputs.style.logo"),
        ({"textColour": "red"}, "inputs.style.textColour"),
        ({"header": "\x07"}, "inputs.style.header"),
        ({"logoHeight": 0}, "inputs.style.logoHeight"),
        ({"margin": 1}, "inputs.style.margin"),
    ],
)
def test_a_wrong_style_is_named(run: Run, style: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run("document", {"title": "T", "markdown": "x", "style": style})
    assert caught.value.field == field


def _shipped(name: str) -> bytes:
    from regen_executors.fonts import fallback_fonts

    return next(font.path for font in fallback_fonts() if font.path.name == name).read_bytes()


_N = 30_000
_QUADRATIC = {
    "brackets": "[" * _N,
    "closed brackets": "[" * _N + "]" * _N,
    "image brackets": "![" * _N,
    "notes": "^[" * _N,
    "links": "[a](" * _N,
    "backticks": "".join("`" * (number % 300) + "a" for number in range(3_000)),
    "emphasis": "*a **a " * _N,
    "underscores": "_a __a " * _N,
    "tildes": "~a ~~a " * _N,
    "comments": "<!-- " * _N,
    "tags": "<a href=" * _N,
    "closed tags": "<sub>" * _N,
    "declarations": "<!a " * _N + "<? " * _N,
    "colons": "http:" * _N,
    "urls": "http://a)" * _N,
    "parentheses": "http://a" + ")" * _N,
    "addresses": "a@" * _N,
    "entities": "&a" * _N,
    "quotes": "> " * 39 + "a\n" * _N,
    "references": "[a]: b\n" * 5_000,
    "headings": "# same\n" * 2_000,
    "definitions": "a\n: b\n\n" * 1_000,
}


@pytest.mark.parametrize("name", _QUADRATIC)
def test_quadratic_markdown_ends_in_bounded_time(run: Run, name: str) -> None:
    started = time.process_time()
    try:
        run("document", {"title": "T", "markdown": _QUADRATIC[name], "formats": ["html"]})
    except Capped as capped:
        assert capped.field == "inputs.markdown"  # noqa: PT017 - a refusal that names the field is right too
    assert time.process_time() - started < 20


@pytest.mark.parametrize("markdown", ["x" * 200_000, "```\n" + "x" * 200_000 + "\n```\n", "`" + "x" * 200_000 + "`"])
def test_a_very_long_word_is_set_in_bounded_time_and_space(run: Run, markdown: str) -> None:
    started = time.process_time()
    body = run("document", {"title": "T", "markdown": markdown, "formats": ["pdf"]})["document.pdf"]
    assert time.process_time() - started < 20
    assert len(body) < 4_000_000
    assert max(_starts(PdfReader(BytesIO(body)).pages[0])) < _WIDTH - _MARGIN


@pytest.mark.parametrize(
    "markdown", ["❤️ 1️⃣ " * 2_000, "```\n" + ("y" * 120 + "\n") * 1_500 + "```\n", f"`{('y' * 120 + ' ') * 1_500}`"]
)
def test_many_long_words_and_emoji_are_set(run: Run, markdown: str) -> None:
    body = run("document", {"title": "T", "markdown": markdown, "formats": ["pdf"]})["document.pdf"]
    assert len(PdfReader(BytesIO(body)).pages) > 1
