"""A rendition's pixels: cropped, resized, watermarked, and encoded without metadata."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

from regen_executors.asset.inputs import MAX_PIXELS, MAX_SIDE
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from regen_executors.asset.inputs import RenditionInputs, WatermarkInputs
    from regen_executors.fonts import Glyphs

MEDIA_TYPES: Final = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
DEFAULT_QUALITY: Final = 85
DEFAULT_COMPRESSION: Final = 6
"""Of PNG. Level 9 takes five times as long for 4 % fewer bytes (docs/executor-asset.md)."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What is taken of the source (left, top, width, height in its own units), and the size of the rendition."""

    area: tuple[float, float, float, float]
    size: tuple[int, int]


def geometry(wanted: RenditionInputs, source: tuple[float, float], field: str, *, scalable: bool) -> Geometry:
    """The geometry of a rendition of a source of that size.

    Raises:
        InvalidInput: the crop lies outside of the source, or the rendition would be too large.
    """
    left, top, width, height = (0.0, 0.0, *source)
    if wanted.crop is not None:
        crop = wanted.crop
        left, top, width, height = crop.x, crop.y, crop.width, crop.height
        if left + width > source[0] or top + height > source[1]:
            raise InvalidInput(f"{field}.crop", f"expected a rectangle within the source's {source[0]:g} by {source[1]:g}")
    size = _size(wanted, width, height, enlarge=wanted.enlarge or scalable)
    if size[0] * size[1] > MAX_PIXELS or max(size) > MAX_SIDE:
        limit = f"{MAX_PIXELS} pixels and {MAX_SIDE} a side at the most"
        raise InvalidInput(field, f"expected a rendition of {limit}, got {size[0]} by {size[1]}")
    return Geometry((left, top, width, height), size)


def _size(wanted: RenditionInputs, width: float, height: float, *, enlarge: bool) -> tuple[int, int]:
    if wanted.fit == "cover" and wanted.width is not None and wanted.height is not None:
        scale = min(1.0, width / wanted.width, height / wanted.height)
        if enlarge or scale == 1.0:
            return wanted.width, wanted.height
        return max(1, round(wanted.width * scale)), max(1, round(wanted.height * scale))
    scales = [box / side for box, side in ((wanted.width, width), (wanted.height, height)) if box is not None]
    scale = min(scales, default=1.0)
    if not enlarge:
        scale = min(scale, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def rendition(image: Image.Image, wanted: RenditionInputs, size: tuple[int, int], glyphs: Glyphs, field: str) -> bytes:
    """The encoded rendition of ``image``, which is cropped already.

    Raises:
        InvalidInput: no font has all characters of the watermark.
    """
    if wanted.fit == "cover":
        image = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    elif image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    background = wanted.background or ("#ffffff" if wanted.format == "jpeg" else None)
    if background is not None and image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, background)
        image = Image.alpha_composite(ground, image).convert("RGB")
    if wanted.watermark is not None:
        image = _marked(image, wanted.watermark, glyphs, f"{field}.watermark.text")
    return _encoded(image, wanted)


def _encoded(image: Image.Image, wanted: RenditionInputs) -> bytes:
    quality = wanted.quality or DEFAULT_QUALITY
    options: dict[str, dict[str, Any]] = {
        "png": {"optimize": False, "compress_level": DEFAULT_COMPRESSION if wanted.compression is None else wanted.compression},
        "jpeg": {"quality": quality, "optimize": True, "progressive": True, "subsampling": 0 if quality >= 90 else 2},
        "webp": {"lossless": True, "quality": 75, "method": 4} if wanted.lossless else {"quality": quality, "method": 4},
    }
    made = BytesIO()
    image.save(made, wanted.format.upper(), **options[wanted.format])
    return made.getvalue()


def _marked(image: Image.Image, mark: WatermarkInputs, glyphs: Glyphs, field: str) -> Image.Image:
    """The image with the text over it, smaller where it would not fit."""
    pixels = max(4, round(image.height * mark.size))
    path = _font_for(mark.text, glyphs, field)
    font = ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)
    margin = max(1, pixels // 2)
    room = max(1, image.width - 2 * margin)
    length = font.getlength(mark.text)
    if length > room:
        font = ImageFont.truetype(path, max(1, int(pixels * room / length)), layout_engine=ImageFont.Layout.BASIC)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    at, anchor = _place(mark.position, image.size, margin)
    fill = (*ImageColor.getrgb(mark.colour)[:3], round(255 * mark.opacity))
    ImageDraw.Draw(layer).text(at, mark.text, font=font, fill=fill, anchor=anchor)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert(image.mode)


def _place(position: str, size: tuple[int, int], margin: int) -> tuple[tuple[int, int], str]:
    """Where the text's anchor lies, and which of Pillow's text anchors it is."""
    width, height = size
    places = {
        "center": ((width // 2, height // 2), "mm"),
        "top-left": ((margin, margin), "la"),
        "top-right": ((width - margin, margin), "ra"),
        "bottom-left": ((margin, height - margin), "ld"),
        "bottom-right": ((width - margin, height - margin), "rd"),
    }
    return places[position]


def _font_for(text: str, glyphs: Glyphs, field: str) -> Path:
    """Return the first font that has every character: a watermark is drawn in one font.

    Raises:
        InvalidInput: there is none, or a character is not printable.
    """
    if not text.isprintable():
        odd = next(one for one in text if not one.isprintable())
        raise InvalidInput(field, f"expected printable characters, got U+{ord(odd):04X}")
    glyphs.require(text, field)
    wanted = {ord(one) for one in text if not one.isspace()}
    for font in glyphs.fonts:
        if wanted <= font.characters:
            return font.path
    raise InvalidInput(field, "expected characters that one font has; name one in inputs.fonts")
