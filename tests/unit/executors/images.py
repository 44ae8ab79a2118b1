"""Images that the tests of ``asset`` make: small, with metadata, in every format that a source may have."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin

ORIENTATION = 0x0112
CAMERA = 0x0110
SECRET = "Where I live: 48.2082, 16.3738"
FORMATS = ("png", "jpeg", "webp")


def picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right, with a gradient so that codecs have something to do."""
    image = Image.new("RGB", (width, height), (200, 30, 30))
    image.paste((30, 30, 200), (width // 2, 0, width, height))
    for row in range(height):
        image.paste((row * 255 // height, 120, 60), (width // 4, row, width // 3, row + 1))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    made = BytesIO()
    image.save(made, kind.upper(), **options)
    return made.getvalue()


def with_metadata(kind: str) -> bytes:
    """An image that says more than its pixels do, in every way that its format has."""
    exif = Image.Exif()
    exif[CAMERA] = SECRET
    options: dict[str, Any] = {"exif": exif.tobytes()}
    if kind == "png":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET)
        options["pnginfo"] = text
    elif kind == "jpeg":
        options["comment"] = SECRET.encode()
    else:
        options["xmp"] = SECRET.encode()
    return encoded(picture(), kind, **options)


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image
