"""Is every wrong input named, and every file that is not the image it is said to be refused?"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from regen_executors.asset.inputs import MAX_PIXELS, MAX_SVG_BYTES
from regen_executors.interface import Capped, InvalidInput
from tests.unit.executors.images import FORMATS, encoded, picture

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., dict[str, bytes]]

RENDITION = {"name": "r", "format": "png"}
GOOD: dict[str, Any] = {"source": "a.png", "renditions": [RENDITION]}


def _with(**rendition: Any) -> dict[str, Any]:
    return GOOD | {"renditions": [RENDITION | rendition]}


def _refused(run: Run, content: bytes, source: str, **more: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        run("asset", {**GOOD, "source": source, **more}, {source: content})
    assert caught.value.field == "inputs.source"
    return caught.value.expected


def _svg(inside: str, attributes: str = 'width="10" height="10"') -> bytes:
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {spaces} {attributes}>{inside}</svg>".encode()


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"renditions": [RENDITION]}, "inputs.source"),
        (GOOD | {"source": "b.png"}, "inputs.source"),
        (GOOD | {"source": "a.gif"}, "inputs.sourceFormat"),
        (GOOD | {"sourceFormat": "gif"}, "inputs.sourceFormat"),
        (GOOD | {"extra": 1}, "inputs.extra"),
        (GOOD | {"renditions": []}, "inputs.renditions"),
        (GOOD | {"renditions": [RENDITION, RENDITION]}, "inputs.renditions"),
        (GOOD | {"fonts": ["none.ttf"]}, "inputs.fonts[0]"),
        (_with(name="../x"), "inputs.renditions[0].name"),
        (_with(format="gif"), "inputs.renditions[0].format"),
        (_with(width=0), "inputs.renditions[0].width"),
        (_with(width=20_000), "inputs.renditions[0].width"),
        (_with(width=16_000, height=16_000, fit="cover", enlarge=True), "inputs.renditions[0]"),
        (_with(fit="cover"), "inputs.renditions[0]"),
        (_with(quality=50), "inputs.renditions[0]"),
        (_with(format="jpeg", quality=0), "inputs.renditions[0].quality"),
        (_with(format="jpeg", lossless=True), "inputs.renditions[0]"),
        (_with(background="red"), "inputs.renditions[0].background"),
        (_with(crop={"x": 50, "y": 0, "width": 11, "height": 10}), "inputs.renditions[0].crop"),
        (_with(crop={"x": -1, "y": 0, "width": 1, "height": 1}), "inputs.renditions[0].crop.x"),
        (_with(watermark={"text": ""}), "inputs.renditions[0].watermark.text"),
        (_with(watermark={"text": "\U00012000"}), "inputs.renditions[0].watermark.text"),
        (_with(watermark={"text": "a\nb"}), "inputs.renditions[0].watermark.text"),
        (_with(watermark={"text": "a", "size": 2}), "inputs.renditions[0].watermark.size"),
    ],
)
def test_a_wrong_input_is_named(run: Run, inputs: dict[str, Any], field: str) -> None:
    sources = {"a.png": encoded(picture(), "png"), "a.gif": encoded(picture(), "gif")}
    with pytest.raises(InvalidInput) as caught:
        run("asset", inputs, sources)
    assert caught.value.field == field


def test_a_file_that_is_no_font_is_refused(run: Run) -> None:
    sources = {"a.png": encoded(picture(), "png"), "f.ttf": b"no font"}
    with pytest.raises(InvalidInput, match=r"^inputs\.fonts\[0\]: "):
        run("asset", _with(watermark={"text": "a"}) | {"fonts": ["f.ttf"]}, sources)


@pytest.mark.parametrize("real", FORMATS)
@pytest.mark.parametrize("said", [*FORMATS, "svg"])
def test_a_mislabelled_file_is_refused(run: Run, real: str, said: str) -> None:
    if real == said:
        run("asset", GOOD | {"source": f"a.{said}"}, {f"a.{said}": encoded(picture(), real)})
    else:
        assert said.upper() in _refused(run, encoded(picture(), real), f"a.{said}")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_cut_off_anywhere_is_refused(run: Run, kind: str) -> None:
    content = encoded(picture(), kind)
    for length in sorted(
        {0, 1, 8, 20, *range(30, len(content), max(1, len(content) // 25)), len(content) - 2, len(content) - 1}
    ):
        assert _refused(run, content[:length], f"a.{kind}")


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_damaged_is_refused_or_read_and_never_a_crash(run: Run, kind: str) -> None:
    content = encoded(picture(), kind)
    for at in range(0, len(content), max(1, len(content) // 40)):
        damaged = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        try:
            run("asset", GOOD | {"source": f"a.{kind}"}, {f"a.{kind}": damaged})
        except InvalidInput as refused:
            assert refused.field == "inputs.source"  # noqa: PT017 - either is right


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_of(width: int, height: int) -> bytes:
    """A PNG of that size whose pixels are all zero: a few kilobytes that would be gigabytes."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(min(64 << 20, (1 + (width + 7) // 8) * 64)), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8000, 5001), (10_000, 10_000), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_a_pixel_is_decoded(run: Run, width: int, height: int) -> None:
    assert str(MAX_PIXELS) in _refused(run, _png_of(width, height), "a.png")


def test_a_bomb_of_text_is_refused(run: Run) -> None:
    whole = encoded(picture(), "png")
    text = b"zip\0\0" + zlib.compress(bytes(64 << 20), 9)
    assert _refused(run, whole[:33] + _chunk(b"zTXt", text) + whole[33:], "a.png")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xml",
        b"<html/>",
        _svg("", 'width="0" height="10"'),
        _svg("", 'width="1e6" height="10"'),
        _svg("", ""),
        _svg("<g>"),
        _svg("<g>" * 300 + "</g>" * 300),
        _svg("<g/>" * 100_001),
        _svg('<image href="/etc/passwd" width="5" height="5"/>'),
        _svg('<image xlink:href="file:///etc/passwd" width="5" height="5"/>'),
        _svg('<image href="https://example.com/a.png" width="5" height="5"/>'),
        _svg('<image href="data:image/svg+xml;base64,PHN2Zy8+" width="5" height="5"/>'),
        _svg('<use href="other.svg#a"/>'),
        _svg('<rect style="fill: url(https://example.com/#a)"/>'),
        _svg("<style>@import 'https://example.com/a.css';</style>"),
        _svg("<style>rect { fill: url( 'http://example.com/a.svg#b' ) }</style>"),
        _svg("<text>\U00012000</text>"),
        _svg("<foreignObject><p>words</p></foreignObject>"),
        _svg("<switch><foreignObject><p>words</p></foreignObject></switch>"),
        _svg('<rect width="1" height="1" style="filter: blur(99999px)"/>'),
        _svg("<style>rect { filter: drop-shadow(0 0 1e9px red) }</style>"),
        _svg('<filter id="f"><feGaussianBlur stdDeviation="1e9"/></filter>'),
        _svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'),
        _svg('<g id="a"><use href="#a"/></g>'),
        _svg(
            '<g id="g0"><rect/></g>'
            + "".join(f'<g id="g{n + 1}">' + f'<use href="#g{n}"/>' * 10 + "</g>" for n in range(9))
            + '<use href="#g9"/>'
        ),
        b'<?xml-stylesheet href="https://example.com/a.css"?>' + _svg(""),
        b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + _svg("&a;"),
        b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + _svg("&a;"),
        _svg("").decode().encode("utf-16"),
    ],
)
def test_an_svg_that_reaches_out_or_explodes_is_refused(run: Run, content: bytes) -> None:
    assert _refused(run, content, "a.svg")


def test_a_bomb_inside_of_an_svg_is_refused(run: Run) -> None:
    inside = base64.b64encode(_png_of(10_000, 10_000)).decode()
    assert str(MAX_PIXELS) in _refused(run, _svg(f'<image href="data:image/png;base64,{inside}"/>'), "a.svg")


def test_an_svg_with_an_image_inside_of_it_is_drawn(run: Run) -> None:
    inside = base64.b64encode(encoded(picture(), "png")).decode()
    assert run("asset", GOOD | {"source": "a.svg"}, {"a.svg": _svg(f'<image href="data:image/png;base64,{inside}"/>')})


def test_a_source_of_too_many_bytes_is_capped(run: Run) -> None:
    with pytest.raises(Capped, match=r"^inputs\.source: "):
        run("asset", GOOD | {"source": "a.svg"}, {"a.svg": b" " * (MAX_SVG_BYTES + 1)})


@pytest.mark.parametrize("clear", [0x8040, 0x80])
def test_one_transparent_colour_of_sixteen_bits_is_refused_rather_than_mistaken(run: Run, clear: int) -> None:
    pixel = zlib.compress(b"\0" + struct.pack(">3H", 0x8040, 0x80, 0x80))
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">2I5B", 1, 1, 16, 2, 0, 0, 0))
    rest = _chunk(b"IDAT", pixel) + _chunk(b"IEND", b"")
    assert run("asset", GOOD, {"a.png": head + rest})
    transparent = head + _chunk(b"tRNS", struct.pack(">3H", clear, 0x80, 0x80)) + rest
    expected = "expected 8 bits a sample where one colour of a PNG is transparent, got 16"
    assert _refused(run, transparent, "a.png") == expected
