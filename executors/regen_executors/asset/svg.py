"""SVG sources, rendered by resvg: no script runs, nothing outside of the file is read, no font of the machine is used."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

import resvg_py
from PIL import Image

from regen_executors.asset.inputs import MAX_SIDE
from regen_executors.asset.raster import bound, opened
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regen_executors.asset.inputs import SourceFormat

MAX_ELEMENTS: Final = 100_000
MAX_DEPTH: Final = 200
MAX_USES: Final = 1_000

_UNITS: Final = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6}
_LENGTH: Final = re.compile(r"\s*\+?(\d+\.?\d*|\.\d+)(?:e([+-]?\d{1,2}))?\s*([a-z]*)\s*", re.IGNORECASE)
_DATA: Final = re.compile(r"data:image/(png|jpeg|jpg|webp);base64,(.*)", re.IGNORECASE | re.DOTALL)
_OUTSIDE: Final = re.compile(r"@import|url\(\s*['\"]?\s*(?!#|['\"]?\s*\))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A checked SVG: its text, and its own size in CSS pixels."""

    text: str
    width: float
    height: float

    def rendered(self, scale: float, fonts: Sequence[Path], field: str) -> Image.Image:
        """The drawing as RGBA, ``scale`` times its own size.

        Raises:
            InvalidInput: it would have too many pixels, or cannot be drawn.
        """
        size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        bound(size, field)
        try:
            png = resvg_py.svg_to_bytes(
                svg_string=self.text,
                width=size[0],
                height=size[1],
                skip_system_fonts=True,
                font_files=[str(path) for path in fonts],
            )
        except ValueError as error:
            raise InvalidInput(field, f"expected an SVG that can be drawn: {error}"[:300]) from error
        with Image.open(BytesIO(bytes(png)), formats=("PNG",)) as image:
            return image.convert("RGBA")


def parsed(content: bytes, field: str, *, with_fonts: bool) -> Drawing:
    """The drawing in ``content``.

    Raises:
        InvalidInput: it is no SVG in UTF-8, refers to something outside of itself, declares entities, has text without a font,
            is nested too deep or has no size.
    """
    reading = _Reading(field, with_fonts=with_fonts)
    try:
        text = content.decode("utf-8-sig")
        reading.read(text)
    except (UnicodeDecodeError, expat.ExpatError, ValueError) as error:
        raise InvalidInput(field, f"expected a source that is an SVG in UTF-8: {error}"[:300]) from error
    width, height = reading.size()
    return Drawing(text, width, height)


class _Reading:
    """One pass over the elements of an SVG; refuses at the first that is not allowed."""

    def __init__(self, field: str, *, with_fonts: bool) -> None:
        self._field = field
        self._with_fonts = with_fonts
        self._root: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self._elements = 0
        self._uses: list[tuple[str, tuple[str, ...]]] = []
        self._in_style = 0

    def read(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._entity
        parser.ProcessingInstructionHandler = self._instruction
        parser.Parse(text.encode(), True)  # noqa: FBT003 - expat names no arguments
        self._check_uses()

    def size(self) -> tuple[float, float]:
        """Width and height, by the root's attributes, else by its viewBox."""
        box = [float(part) for part in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)", self._root.get("viewBox", ""))]
        width = _pixels(self._root.get("width", "100%"), box[2] if len(box) == 4 else None)
        height = _pixels(self._root.get("height", "100%"), box[3] if len(box) == 4 else None)
        if width is None or height is None or not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            raise self._refusal(f"a width and a height, or a viewBox, of more than 0 and at most {MAX_SIDE} pixels")
        return width, height

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if not self._open:
            if local != "svg" or namespace not in {"", "http://www.w3.org/2000/svg"}:
                raise self._refusal(f"svg as the outermost element, got {local[:40]}")
            self._root = attributes
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise self._refusal(f"{MAX_ELEMENTS} elements at the most, {MAX_DEPTH} within one another")
        if local == "text" and not self._with_fonts:
            raise self._refusal("text as paths, or a font in inputs.fonts: no font of the machine is used")
        self._in_style += local == "style"
        for key, value in attributes.items():
            self._attribute(local, key.rpartition(" ")[2], value)
        self._open.append((local, attributes.get("id")))

    def _attribute(self, element: str, key: str, value: str) -> None:
        if key == "href" and element not in {"a", "script"}:
            if element == "use" and value.startswith("#"):
                self._uses.append((value[1:], tuple(name for _, name in self._open if name)))
            elif not value.strip().startswith("#"):
                self._embedded(value.strip())
        elif key != "href" and _OUTSIDE.search(value):
            raise self._refusal(f"no reference to anything outside of the file, got one in {key[:40]}")

    def _embedded(self, value: str) -> None:
        """An image in a data URI, which is opened as any source is."""
        data = _DATA.fullmatch(value)
        if data is None:
            raise self._refusal("no reference but to PNG, JPEG and WebP inside of the file (data:…;base64)")
        kind: dict[str, SourceFormat] = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}
        try:
            content = base64.b64decode(re.sub(r"\s+", "", data[2]), validate=True)
        except binascii.Error as error:
            raise self._refusal("an embedded image in base64") from error
        opened(content, kind[data[1].lower()], self._field)

    def _end(self, name: str) -> None:
        self._in_style -= name.rpartition(" ")[2] == "style"
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._in_style and _OUTSIDE.search(text):
            raise self._refusal("no reference to anything outside of the file, got one in a style")

    def _entity(self, *_: object) -> None:
        raise self._refusal("no entity declarations")

    def _instruction(self, target: str, _data: str) -> None:
        if target.lower() == "xml-stylesheet":
            raise self._refusal("no style sheet outside of the file")

    def _check_uses(self) -> None:
        holders = {holder for _, inside in self._uses for holder in inside}
        if len(self._uses) > MAX_USES or any(target in holders for target, _ in self._uses):
            raise self._refusal(f"{MAX_USES} use elements at the most, none of which refers to another")

    def _refusal(self, expected: str) -> InvalidInput:
        return InvalidInput(self._field, f"expected an SVG with {expected}")


def _pixels(length: str, whole: float | None) -> float | None:
    """A length in CSS pixels; a percentage is of the viewBox."""
    if length.strip().endswith("%"):
        return whole
    found = _LENGTH.fullmatch(length)
    if found is None or found[3].lower() not in _UNITS:
        return None
    return float(f"{found[1]}e{found[2] or 0}") * _UNITS[found[3].lower()]
