"""Images that the tests of ``asset`` make: small, with metadata, in every format that a source may have."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

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


def swapped_profile() -> bytes:
    """A profile of RGB whose red is sRGB's green, and the other way round."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")


def linear_grey_profile() -> bytes:
    """A profile of grey whose samples are proportional to light (ICC.1:2022, 7.2, 7.3, 8.3 and 10.6)."""
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)  # D50, the white of every profile
    head = struct.pack(">4xI4s4s4s12x4s28x12s48x", 0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp", white)
    point = b"XYZ " + bytes(4) + white
    curve = b"curv" + bytes(4) + struct.pack(">IH2x", 1, 1 << 8)
    body = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(point), b"kTRC", 156 + len(point), len(curve)) + point + curve
    return struct.pack(">I", 4 + len(head) + len(body)) + head + body


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image
