"""PNG, JPEG and WebP sources: read whole or refused, upright, in sRGB, without metadata.

A file is opened only as the format that it is said to have, and its size is known and bounded before a pixel is decoded.
"""

from __future__ import annotations

import struct
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from regen_executors.asset.inputs import MAX_PIXELS
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from regen_executors.asset.inputs import SourceFormat

_PNG_END: Final = b"IEND\xaeB`\x82"
_JPEG_END: Final = b"\xff\xd9"
_RIFF: Final = 8
_SIXTEEN_BITS: Final = "RGB;16B"
"""Pillow's word for colours of which it drops the lower bits, and so what tells a transparent one from others like it."""


def opened(content: bytes, kind: SourceFormat, field: str) -> Image.Image:
    """The image as RGB, or as RGBA where it has transparency; of an animation, the first frame.

    Raises:
        InvalidInput: it is not of that kind, damaged, cut off, or has more than ``MAX_PIXELS`` pixels.
    """
    named = kind.upper()
    try:
        with warnings.catch_warnings():
            # Pillow's own warning about size comes later than our limit; other warnings are about metadata, which goes.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=(named,)) as image:
                _bound(image.size, field)
                if _is_cut_off(content, kind):
                    raise InvalidInput(field, f"expected a whole {named} file, got one that is cut off")
                is_reduced = any(tile.args == _SIXTEEN_BITS for tile in image.tile)
                image.load()
                if is_reduced and "transparency" in image.info:
                    raise InvalidInput(field, "expected 8 bits a sample where one colour of a PNG is transparent, got 16")
                return _in_srgb(_upright(image))
    except Image.DecompressionBombError as error:
        raise InvalidInput(field, f"expected an image of {MAX_PIXELS} pixels at the most, got more") from error
    except UnidentifiedImageError as error:
        raise InvalidInput(field, f"expected a source that is a whole {named} image, got {_named(content)}") from error
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error) as error:
        raise InvalidInput(field, f"expected a source that is a whole {named} image: {error}"[:300]) from error


def _named(content: bytes) -> str:
    """Say what a file is by its first bytes, for the one who named it wrong."""
    begin = content[:64].lstrip().lower()
    kinds = {
        b"\x89png": "a PNG",
        b"\xff\xd8\xff": "a JPEG",
        b"gif8": "a GIF",
        b"%pdf": "a PDF",
        b"bm": "a BMP",
        b"ii*\0": "a TIFF",
    }
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "a WebP"
    if content[4:12] in {b"ftypavif", b"ftypheic"}:
        return "an AVIF or HEIC"
    if begin.startswith((b"<svg", b"<?xml")):
        return "an SVG or XML"
    return next((name for start, name in kinds.items() if begin.startswith(start)), "another kind of file")


def bound(size: tuple[int, int], field: str) -> None:
    """Refuses a size of more than ``MAX_PIXELS`` pixels.

    Raises:
        InvalidInput: it has more.
    """
    _bound(size, field)


def _bound(size: tuple[int, int], field: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise InvalidInput(field, f"expected an image of {MAX_PIXELS} pixels at the most, got {width} by {height}")


def _is_cut_off(content: bytes, kind: SourceFormat) -> bool:
    """Whether the end is missing: decoders are content when they have all pixels, or believe so."""
    if kind == "png":
        return _PNG_END not in content
    if kind == "jpeg":
        return _JPEG_END not in content[2:]
    return len(content) < _RIFF or len(content) < _RIFF + int(struct.unpack_from("<I", content, 4)[0])


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image)


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = _reduced(image)
    has_alpha = image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info
    wanted = "RGBA" if has_alpha else "RGB"
    if isinstance(profile, bytes):
        image = _converted(image, profile, wanted)
    return _bare(image.convert(wanted))


def _reduced(image: Image.Image) -> Image.Image:
    """The upper eight of the sixteen bits of grey; what is transparent is told by all of them."""
    whole = image.convert("I")
    grey = whole.point(lambda value: value * (1 / 256)).convert("L")
    clear = image.info.get("transparency")
    if clear is None:
        return grey
    return Image.merge("LA", (grey, whole.point([0 if value == clear else 255 for value in range(1 << 16)], "L")))


def _converted(image: Image.Image, profile: bytes, wanted: str) -> Image.Image:
    """The image in sRGB, its transparency as it was; as it is where its profile is none that can be used."""
    # A profile speaks of colours alone: it says nothing of indices into a palette, nor of transparency.
    whole = image if image.mode == wanted else image.convert(wanted)
    alpha = whole.getchannel("A") if wanted == "RGBA" else None
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        made = ImageCms.profileToProfile(_colours(image, whole), given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    if made is None:
        return image
    if alpha is not None:
        made.putalpha(alpha)
    return made


def _colours(image: Image.Image, whole: Image.Image) -> Image.Image:
    """The image without transparency, in the mode that its profile is for; ``whole`` is the image without palette."""
    if image.mode in {"L", "CMYK"}:
        return image
    if image.mode in {"1", "LA", "La"}:
        return image.convert("L")
    return whole if whole.mode == "RGB" else whole.convert("RGB")


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone: a copy without EXIF, XMP, text, profile or palette."""
    image.info.clear()
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    return bare
