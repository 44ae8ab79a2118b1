"""Is what goes into a picture in what comes out, or refused by name?"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from regen_executors.asset.svg import parsed
from regen_executors.fonts import Glyphs
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., dict[str, bytes]]

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


def svg(attributes: str, body: str = '<rect width="100%" height="100%"/>') -> bytes:
    return f"<svg {NAMESPACE} {attributes}>{body}</svg>".encode()


def drawn(run: Run, tmp_path: Path, content: bytes, **wanted: Any) -> Image.Image:
    source = tmp_path / "s.svg"
    source.write_bytes(content)
    rendition = {"name": "o", "format": "png"} | wanted
    result = run("asset", {"source": "s.svg", "renditions": [rendition]}, {"s.svg": source})
    [body] = result.values()
    return Image.open(BytesIO(body))


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('viewBox="0 0 24 12"', (24, 12)),
        ('width="200" viewBox="0 0 100 100"', (200, 200)),
        ('height="50" viewBox="0 0 100 25"', (200, 50)),
        ('width="1em" height="1em" viewBox="0 0 512 512"', (16, 16)),
        ('width="2em" height="1em" font-size="20" viewBox="0 0 2 1"', (40, 20)),
        ('width="100%" height="100%" viewBox="0 0 30 20"', (30, 20)),
        ('width="auto" viewBox="0 0 30 20"', (30, 20)),
        ('width="10em" height="10"', (160, 10)),
        ('width="1in" height="2.54cm"', (96, 96)),
    ],
)
def test_a_drawing_has_the_size_of_the_specification(run: Run, tmp_path: Path, attributes: str, size: tuple[int, int]) -> None:
    image = drawn(run, tmp_path, svg(attributes))
    assert image.size == size
    assert image.getbbox() == (0, 0, *size)


@pytest.mark.parametrize(
    ("box", "wanted", "size"),
    [("0 0 1 0.5", {"width": 100}, (100, 50)), ("0 0 0.2 0.1", {"height": 30}, (60, 30)), ("0 0 3 2", {"width": 7}, (7, 5))],
)
def test_a_small_view_box_keeps_its_proportions(
    run: Run, tmp_path: Path, box: str, wanted: dict[str, int], size: tuple[int, int]
) -> None:
    assert drawn(run, tmp_path, svg(f'viewBox="{box}"'), **wanted).size == size


@pytest.mark.parametrize("family", ["", "Helvetica, Arial, sans-serif", "serif", "No Such Font", "monospace"])
@pytest.mark.parametrize("text", ["Hi", "日本語", "عربي", "Müller ©"])
def test_text_of_any_family_is_drawn(run: Run, tmp_path: Path, family: str, text: str) -> None:
    body = f'<text x="5" y="30" font-size="20" font-family="{family}">{text}</text>'
    box = drawn(run, tmp_path, svg('width="200" height="40"', body)).getbbox()
    assert box is not None
    assert box[2] - box[0] > 10


def test_a_character_without_a_glyph_is_refused_with_its_name(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"inputs\.source.*U\+12000 CUNEIFORM SIGN A"):
        drawn(run, tmp_path, svg('width="60" height="20"', "<text>\U00012000</text>"))


def test_the_fallback_of_a_switch_is_drawn(run: Run, tmp_path: Path) -> None:
    body = "<switch><foreignObject><p>HTML</p></foreignObject><text y='30' font-size='20'>Text</text></switch>"
    assert drawn(run, tmp_path, svg('width="100" height="40"', body)).getbbox() is not None


def test_nested_use_is_bounded_by_what_it_expands_to() -> None:
    icons = '<g id="a"><rect width="1" height="1"/></g><g id="b"><use href="#a"/></g><g id="c"><use href="#b"/></g>'
    parsed(svg('width="9" height="9"', icons + '<use href="#c"/>' * 2000), "inputs.source", Glyphs())


def test_a_file_of_another_kind_is_named(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "s.jpg"
    Image.new("RGB", (2, 2)).save(source, "PNG")
    with pytest.raises(InvalidInput) as caught:
        run("asset", {"source": "s.jpg", "renditions": [{"name": "o", "format": "png"}]}, {"s.jpg": source})
    assert str(caught.value).endswith("expected a source that is a whole JPEG image, got a PNG")


@pytest.mark.parametrize("text", ["© Müller", "日本語", "Ünïcödé №1"])
def test_a_watermark_is_drawn_in_a_font_that_has_it(run: Run, tmp_path: Path, text: str) -> None:
    source = tmp_path / "s.png"
    Image.new("RGB", (400, 100)).save(source)
    rendition = {"name": "o", "format": "png", "watermark": {"text": text, "size": 0.3, "opacity": 1}}
    [body] = run("asset", {"source": "s.png", "renditions": [rendition]}, {"s.png": source}).values()
    assert Image.open(BytesIO(body)).getbbox() is not None


def test_compression_changes_bytes_and_not_pixels(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "s.png"
    Image.effect_noise((200, 200), 40).convert("RGB").save(source)
    bodies = []
    for level in (0, 6, 9):
        rendition = {"name": "o", "format": "png", "compression": level}
        bodies += run("asset", {"source": "s.png", "renditions": [rendition]}, {"s.png": source}).values()
    assert len(bodies[0]) > len(bodies[1])
    assert len({Image.open(BytesIO(body)).tobytes() for body in bodies}) == 1
