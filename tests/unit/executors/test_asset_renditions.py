"""Is each rendition the image that was asked for, and nothing but its pixels?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops, ImageCms

from tests.unit.executors.images import (
    FORMATS,
    ORIENTATION,
    SECRET,
    encoded,
    linear_grey_profile,
    opened,
    picture,
    swapped_profile,
    with_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., dict[str, bytes]]

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><script>alert(1)</script>
<a href="https://example.com/"><rect width="20" height="20" fill="#ff0000"/></a>
<rect id="r" x="20" width="20" height="20" fill="#0000ff"/></svg>"""


def _one(run: Run, content: bytes, source: str, **wanted: Any) -> Image.Image:
    inputs = {"source": source, "renditions": [{"name": "r", "format": "png", **wanted}]}
    (made,) = run("asset", inputs, {source: content}).values()
    return opened(made)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("wanted", FORMATS)
def test_every_format_becomes_every_format_without_metadata(run: Run, kind: str, wanted: str) -> None:
    content = with_metadata(kind)
    assert SECRET.encode() in content
    inputs = {"source": f"a.{kind}", "renditions": [{"name": "r", "format": wanted}]}
    made = run("asset", inputs, {f"a.{kind}": content})[f"r.{wanted}"]
    image = opened(made)
    assert image.format == wanted.upper()
    assert image.size == (60, 40)
    assert SECRET.encode() not in made
    assert not image.getexif()
    assert not {"exif", "xmp", "icc_profile", "comment", "Comment"} & set(image.info)


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ({}, (60, 40)),
        ({"width": 30}, (30, 20)),
        ({"height": 10}, (15, 10)),
        ({"width": 20, "height": 20}, (20, 13)),
        ({"width": 120}, (60, 40)),
        ({"width": 120, "enlarge": True}, (120, 80)),
        ({"width": 20, "height": 20, "fit": "cover"}, (20, 20)),
        ({"width": 80, "height": 80, "fit": "cover"}, (40, 40)),
        ({"width": 80, "height": 80, "fit": "cover", "enlarge": True}, (80, 80)),
        ({"crop": {"x": 30, "y": 0, "width": 30, "height": 40}}, (30, 40)),
        ({"crop": {"x": 30, "y": 0, "width": 30, "height": 40}, "width": 15}, (15, 20)),
    ],
)
def test_a_rendition_has_the_size_that_was_asked_for(run: Run, wanted: dict[str, Any], size: tuple[int, int]) -> None:
    assert _one(run, encoded(picture(), "png"), "a.png", **wanted).size == size


def test_a_crop_takes_what_it_names(run: Run) -> None:
    image = _one(run, encoded(picture(), "png"), "a.png", crop={"x": 30, "y": 0, "width": 30, "height": 40})
    assert image.getcolors() == [(30 * 40, (30, 30, 200))]


def test_a_picture_taken_sideways_is_set_upright(run: Run) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = _one(run, encoded(picture(), "jpeg", exif=exif.tobytes(), quality=100), "a.jpg")
    assert image.size == (40, 60)
    top: Any = image.getpixel((20, 2))
    assert top[0] > 150 > top[2]


def _see_through_palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 30, 30])
    image.info["transparency"] = bytes([255, 100])
    return image


@pytest.mark.parametrize(
    ("image", "profile", "colour"),
    [
        (Image.new("RGB", (8, 8), (200, 30, 30)), swapped_profile(), (30, 200, 30)),
        (Image.new("RGBA", (8, 8), (200, 30, 30, 100)), swapped_profile(), (30, 200, 30, 100)),
        (Image.new("RGB", (8, 8), (200, 30, 30)).quantize(4), swapped_profile(), (30, 200, 30)),
        (_see_through_palette(), swapped_profile(), (30, 200, 30, 100)),
        (Image.new("L", (8, 8), 128), linear_grey_profile(), (188, 188, 188)),
        (Image.new("LA", (8, 8), (128, 100)), linear_grey_profile(), (188, 188, 188, 100)),
    ],
    ids=["RGB", "RGBA", "P", "P with transparency", "L", "LA"],
)
def test_a_colour_profile_is_applied_before_it_goes(
    run: Run, image: Image.Image, profile: bytes, colour: tuple[int, ...]
) -> None:
    made = _one(run, encoded(image, "png", icc_profile=profile), "a.png")
    assert made.getcolors() == [(64, colour)]
    assert "icc_profile" not in made.info


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_a_colour_profile_is_applied_in_every_format(run: Run, kind: str) -> None:
    content = encoded(Image.new("RGB", (8, 8), (200, 30, 30)), kind, icc_profile=swapped_profile(), quality=100)
    red, green, blue = _one(run, content, f"a.{kind}").getpixel((4, 4))  # type: ignore[misc]
    assert max(red, blue) < 40
    assert green > 190


def test_the_one_transparent_colour_of_a_picture_stays_transparent_beside_a_profile(run: Run) -> None:
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    image.paste((1, 2, 3), (0, 0, 4, 8))
    made = _one(run, encoded(image, "png", icc_profile=swapped_profile(), transparency=(1, 2, 3)), "a.png")
    left: Any = made.getpixel((0, 0))
    assert left[3] == 0
    assert made.getpixel((7, 0)) == (30, 200, 30, 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA"])
@pytest.mark.parametrize(
    "profile",
    [b"no profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()],
    ids=["no profile", "one of another space"],
)
def test_a_colour_profile_that_cannot_be_used_changes_nothing(run: Run, mode: str, profile: bytes) -> None:
    image = picture(mode=mode)
    inputs = {"source": "a.png", "renditions": [{"name": "r", "format": "png"}]}
    with_profile = run("asset", inputs, {"a.png": encoded(image, "png", icc_profile=profile)})
    assert with_profile == run("asset", inputs, {"a.png": encoded(image, "png")})


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "I;16"])
def test_every_kind_of_pixel_is_read(run: Run, mode: str) -> None:
    image = Image.new("I;16", (8, 8), 0x8040) if mode == "I;16" else picture(8, 8).convert(mode)
    made = _one(run, encoded(image, "png"), "a.png")
    assert made.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")
    if mode == "I;16":
        assert made.getpixel((0, 0)) == (0x80, 0x80, 0x80)


@pytest.mark.parametrize("profile", [None, linear_grey_profile()], ids=["no profile", "a profile"])
@pytest.mark.parametrize("clear", [0x8040, 0x80])
def test_the_one_transparent_grey_is_told_by_all_of_its_bits(run: Run, profile: bytes | None, clear: int) -> None:
    image = Image.new("I;16", (3, 1))
    for x, grey in enumerate([0x8040, 0x8041, 0x0080]):
        image.putpixel((x, 0), grey)
    made = _one(run, encoded(image, "png", transparency=clear, icc_profile=profile), "a.png")
    assert [made.getpixel((x, 0))[3] for x in range(3)] == [0 if grey == clear else 255 for grey in (0x8040, 0x8041, 0x80)]  # type: ignore[index]
    if profile is None:
        assert [made.getpixel((x, 0))[0] for x in range(3)] == [0x80, 0x80, 0]  # type: ignore[index]


def test_transparency_stays_or_is_filled(run: Run) -> None:
    clear = encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "png")
    assert _one(run, clear, "a.png").getpixel((0, 0)) == (255, 0, 0, 0)
    assert _one(run, clear, "a.png", background="#00ff00").getpixel((0, 0)) == (0, 255, 0)
    white: Any = _one(run, clear, "a.png", format="jpeg").getpixel((0, 0))
    assert min(white) > 250


def test_less_quality_is_fewer_bytes_and_lossless_is_exact(run: Run) -> None:
    wanted = [
        {"name": "low", "format": "jpeg", "quality": 10},
        {"name": "high", "format": "jpeg", "quality": 95},
        {"name": "exact", "format": "webp", "lossless": True},
    ]
    made = run("asset", {"source": "a.png", "renditions": wanted}, {"a.png": encoded(picture(200, 200), "png")})
    assert len(made["low.jpeg"]) < len(made["high.jpeg"])
    assert ImageChops.difference(opened(made["exact.webp"]).convert("RGB"), picture(200, 200)).getbbox() is None


def test_a_watermark_lies_where_it_was_put(run: Run) -> None:
    content = encoded(Image.new("RGB", (200, 100), (0, 0, 0)), "png")
    mark = {"text": "regen", "position": "bottom-right", "size": 0.2, "opacity": 1}
    box = _one(run, content, "a.png", watermark=mark).getbbox()
    assert box is not None
    assert box[0] > 100
    assert box[1] > 50
    left = _one(run, content, "a.png", watermark=mark | {"position": "top-left"}).getbbox()
    assert left is not None
    assert left[2] < 100
    wide = _one(run, content, "a.png", watermark=mark | {"text": "m" * 200, "size": 1}).getbbox()
    assert wide is not None
    assert wide[2] < 200


def test_an_svg_is_drawn_as_large_as_it_is_wanted_and_no_script_runs(run: Run) -> None:
    image = _one(run, SVG, "a.svg", width=400)
    assert image.size == (400, 200)
    assert image.getpixel((199, 100)) == (255, 0, 0, 255)
    assert image.getpixel((201, 100)) == (0, 0, 255, 255)
    right = _one(run, SVG, "a.svg", crop={"x": 20, "y": 0, "width": 20, "height": 20}, width=100, height=100)
    assert right.size == (100, 100)
    assert right.getcolors() == [(100 * 100, (0, 0, 255, 255))]
