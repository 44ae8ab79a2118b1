"""The images of a document: sources by name and ``data:`` URLs, checked by decoding them. Nothing is fetched.

An image that cannot be placed is never dropped: its place says so, with its alternative text and the reason.
"""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit
from xml.parsers import expat

import resvg_py
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_IMAGE_BYTES: Final = 16 * 1024 * 1024
MAX_IMAGE_PIXELS: Final = 40_000_000
MAX_TOTAL_BYTES: Final = 64 * 1024 * 1024
"""The bytes of a document's different images together."""

_FORMATS: Final = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
_MEDIA_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
}
_PLAIN_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_ORIENTATION: Final = 0x0112
_DATA: Final = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),(.*)", re.DOTALL)
_SVG_LENGTH: Final = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*(px)?\s*")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that was decoded. ``width`` and ``height`` are in CSS pixels, ``kind`` is its file's ending."""

    content: bytes
    kind: str
    width: float
    height: float

    @property
    def url(self) -> str:
        """The image as a ``data:`` URL."""
        return f"data:{_MEDIA_TYPES[self.kind]};base64,{base64.b64encode(self.content).decode()}"


class NoPicture(Exception):
    """The image cannot be placed. The message says why, as the document prints it."""


class Pictures:
    """Finds the images of one document, each decoded once."""

    def __init__(self, sources: Mapping[str, Path]) -> None:
        self._sources = sources
        self._found: dict[str, Picture | NoPicture] = {}
        self._total = 0

    def find(self, src: str) -> Picture:
        """The image that ``src`` names.

        Raises:
            NoPicture: there is none, or it cannot be placed.
        """
        if src not in self._found:
            try:
                self._found[src] = self._read(src)
            except NoPicture as error:
                self._found[src] = error
        found = self._found[src]
        if isinstance(found, NoPicture):
            raise found
        return found

    def _read(self, src: str) -> Picture:
        content = self._content(src)
        if len(content) > MAX_IMAGE_BYTES or self._total + len(content) > MAX_TOTAL_BYTES:
            msg = "the image, or all images together, are too large"
            raise NoPicture(msg)
        self._total += len(content)
        return decoded(content)

    def _content(self, src: str) -> bytes:
        if src[:5].lower() == "data:":
            return _data(src)
        for name in (src, unquote(src), unquote(src).removeprefix("./")):
            path = self._sources.get(name)
            if path is not None:
                if path.stat().st_size > MAX_IMAGE_BYTES:
                    msg = "the image is too large"
                    raise NoPicture(msg)
                return path.read_bytes()
        try:
            is_remote = urlsplit(src).scheme in {"http", "https"}
        except ValueError:
            is_remote = False
        msg = "images on the web are not fetched; name it in sources" if is_remote else "no source has this name"
        raise NoPicture(msg)


def decoded(content: bytes) -> Picture:
    """The image in ``content``: PNG, JPEG, GIF, WebP or SVG.

    Raises:
        NoPicture: it is none of them, damaged or too large.
    """
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return _drawing(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=tuple(_FORMATS)) as image:
                _bound(image)
                kind = _FORMATS[str(image.format)]
                image.load()
                turned = image.getexif().get(_ORIENTATION, 1) != 1
                if turned or image.mode not in _PLAIN_MODES:
                    return _encoded(ImageOps.exif_transpose(image))
                return Picture(content, kind, image.width, image.height)
    except NoPicture:
        raise
    except Exception as error:
        # Pillow raises errors of many kinds on damaged files; each means the same here.
        msg = "the file is not a readable PNG, JPEG, GIF, WebP or SVG image"
        raise NoPicture(msg) from error


def _bound(image: Image.Image) -> None:
    if image.width * image.height > MAX_IMAGE_PIXELS:
        msg = f"the image has more than {MAX_IMAGE_PIXELS} pixels"
        raise NoPicture(msg)


def _encoded(image: Image.Image) -> Picture:
    """Upright, in a mode that browsers and Typst agree on."""
    made = BytesIO()
    image.convert("RGBA" if "A" in image.getbands() else "RGB").save(made, "PNG", compress_level=6)
    return Picture(made.getvalue(), "png", image.width, image.height)


def _drawing(content: bytes) -> Picture:
    root: dict[str, str] = {}
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        if depth == 0:
            if name.rpartition(" ")[2] != "svg":
                msg = "the file is not an image"
                raise NoPicture(msg)
            root.update(attributes)
        depth += 1

    def entity(*_: object) -> None:
        msg = "the SVG declares entities"
        raise NoPicture(msg)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EntityDeclHandler = start, entity
    try:
        text = content.decode("utf-8-sig")
        parser.Parse(text.encode(), True)  # noqa: FBT003 - expat names no arguments
        resvg_py.svg_to_bytes(svg_string=text, width=64, skip_system_fonts=True)
    except (UnicodeDecodeError, expat.ExpatError, ValueError) as error:
        msg = "the file is not a readable SVG image"
        raise NoPicture(msg) from error
    width, height = _size(root)
    return Picture(text.encode(), "svg", width, height)


def _size(root: Mapping[str, str]) -> tuple[float, float]:
    """By width and height, the missing one by the view box; 300 by 150 where nothing is said, as browsers do."""
    box = [float(part) for part in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)", root.get("viewBox", ""))]
    ratio = box[3] / box[2] if len(box) == 4 and box[2] > 0 and box[3] > 0 else None
    width, height = (
        float(found[1]) if (found := _SVG_LENGTH.fullmatch(root.get(side, ""))) else 0.0 for side in ("width", "height")
    )
    if not width and not height:
        return (box[2], box[3]) if ratio is not None else (300.0, 150.0)
    if not width or not height:
        ratio = ratio or 0.5
        return (width, width * ratio) if width else (height / ratio, height)
    return width, height


def _data(src: str) -> bytes:
    found = _DATA.fullmatch(src)
    if found is None:
        msg = "the data: URL is malformed"
        raise NoPicture(msg)
    try:
        if ";base64" in found[2].lower():
            return base64.b64decode(re.sub(r"\s+", "", unquote(found[3])), validate=True)
    except (binascii.Error, ValueError) as error:
        msg = "the data: URL is not base64"
        raise NoPicture(msg) from error
    return unquote_to_bytes(found[3])
