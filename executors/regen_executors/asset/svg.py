"""SVG sources, rendered by resvg: no script runs, nothing outside of the file is read, no font of the machine is used.

What resvg would silently draw as nothing is refused: text that no font has, and HTML in ``foreignObject``.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

import resvg_py
from PIL import Image, ImageFont

from regen_executors.asset.inputs import MAX_SIDE
from regen_executors.asset.raster import bound, opened
from regen_executors.interface import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from regen_executors.asset.inputs import SourceFormat
    from regen_executors.fonts import Glyphs

MAX_ELEMENTS: Final = 100_000
MAX_DEPTH: Final = 200
MAX_EXPANDED: Final = 200_000
"""Elements after every ``use`` is replaced by a copy of its target."""
MAX_BLUR: Final = 500.0
"""The largest radius of a filter, in user units: the time of a blur or a morphology grows with it."""

_FONT_SIZE: Final = 16.0
_NO_HTML: Final = "no foreignObject but in a switch with a fallback: HTML is not drawn. Export the labels as SVG text"
_UNITS: Final = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6}
_LENGTH: Final = re.compile(r"\s*\+?(\d+\.?\d*|\.\d+)(?:e([+-]?\d{1,2}))?\s*([a-z]*)\s*", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d+\.?\d*(?:[eE][-+]?\d{1,3})?")
_BLUR: Final = re.compile(r"(?:blur|drop-shadow)\(([^)]*)\)", re.IGNORECASE)
_DATA: Final = re.compile(r"data:image/(png|jpeg|jpg|webp);base64,(.*)", re.IGNORECASE | re.DOTALL)
_OUTSIDE: Final = re.compile(r"@import|url\(\s*['\"]?\s*(?!#|['\"]?\s*\))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A checked SVG: its text, and its own size in CSS pixels."""

    text: str
    width: float
    height: float

    def rendered(self, scale: float, glyphs: Glyphs, field: str) -> Image.Image:
        """The drawing as RGBA, ``scale`` times its own size.

        Raises:
            InvalidInput: it would have too many pixels, or cannot be drawn.
        """
        size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        bound(size, field)
        try:
            # Every family that the file names and no font has is drawn in the first given font, else in Noto Sans.
            family = family_of(glyphs.paths[0])
            png = resvg_py.svg_to_bytes(
                svg_string=self.text,
                width=size[0],
                height=size[1],
                dpi=96,  # without it, in and cm are 0
                skip_system_fonts=True,
                font_files=[str(path) for path in glyphs.paths],
                font_family=family,
                serif_family=family,
                sans_serif_family=family,
                cursive_family=family,
                fantasy_family=family,
                monospace_family=family,
            )
        except ValueError as error:
            raise InvalidInput(field, f"expected an SVG that can be drawn: {error}"[:300]) from error
        with Image.open(BytesIO(bytes(png)), formats=("PNG",)) as image:
            return image.convert("RGBA")


def family_of(path: Path) -> str:
    """Return the name of the font's family."""
    return str(ImageFont.truetype(path, 16).getname()[0])


def parsed(content: bytes, field: str, glyphs: Glyphs) -> Drawing:
    """Parse and check an SVG.

    Raises:
        InvalidInput: it is not an SVG in UTF-8, refers to something outside of itself, declares entities, has text that no font
            has or HTML, is nested too deep or has no size.
    """
    reading = _Reading(field)
    try:
        text = content.decode("utf-8-sig")
        reading.read(text)
    except (UnicodeDecodeError, expat.ExpatError, ValueError) as error:
        raise InvalidInput(field, f"expected a source that is an SVG in UTF-8: {error}"[:300]) from error
    glyphs.require(reading.text(), field)
    width, height = reading.size()
    return Drawing(text, width, height)


class _Reading:
    """One pass over the elements of an SVG; refuses at the first that is not allowed."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._root: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self._elements = 0
        self._uses: list[tuple[str, tuple[str, ...]]] = []
        self._sizes: dict[str, int] = {}
        self._drawn: list[str] = []
        self._switches: list[list[str]] = []
        self._in_style = 0
        self._in_text = 0

    def read(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._entity
        parser.ProcessingInstructionHandler = self._instruction
        parser.Parse(text.encode(), True)  # noqa: FBT003 - expat names no arguments
        self._check_uses()

    def text(self) -> str:
        """Return everything that is drawn as text, a line per element."""
        return "\n".join(self._drawn)

    def size(self) -> tuple[float, float]:
        """Return width and height. A missing one follows from the other and the viewBox (CSS Images Module Level 3)."""
        box = [
            float(part) for part in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?", self._root.get("viewBox", ""))
        ]
        ratio = box[2] / box[3] if len(box) == 4 and box[2] > 0 and box[3] > 0 else None
        em = _pixels(self._root.get("font-size", ""), _FONT_SIZE) or _FONT_SIZE
        width, height = (_pixels(self._root.get(name, ""), em) for name in ("width", "height"))
        if ratio is not None:
            if width is None and height is None:
                width, height = box[2], box[3]
            elif width is None and height is not None:
                width = height * ratio
            elif height is None and width is not None:
                height = width / ratio
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
            raise self._refusal(f"at most {MAX_ELEMENTS} elements, at most {MAX_DEPTH} within one another")
        self._html(local)
        if local == "text":
            self._drawn.append("")
        self._in_text += local == "text"
        self._in_style += local == "style"
        for key, value in attributes.items():
            self._attribute(local, key.rpartition(" ")[2], value)
        self._open.append((local, attributes.get("id")))
        for _, holder in self._open:
            if holder is not None:
                self._sizes[holder] = self._sizes.get(holder, 0) + 1

    def _html(self, local: str) -> None:
        """Refuse ``foreignObject``, except in a ``switch``, whose other children are drawn instead."""
        if self._open and self._open[-1][0] == "switch":
            self._switches[-1].append(local)
        elif local == "foreignObject":
            raise self._refusal(_NO_HTML)
        if local == "switch":
            self._switches.append([])

    def _attribute(self, element: str, key: str, value: str) -> None:
        if _BLUR.search(value):
            self._check_blur(value)
        if key in {"stdDeviation", "radius"} and element in {"feGaussianBlur", "feDropShadow", "feMorphology"}:
            numbers = [float(one) for one in _NUMBER.findall(value)]
            if max(numbers, default=0.0) > MAX_BLUR:
                raise self._refusal(f"filters with a radius of at most {MAX_BLUR:g}")
        if key == "href" and element not in {"a", "script"}:
            if element == "use" and value.startswith("#"):
                self._uses.append((value[1:], tuple(name for _, name in self._open if name)))
            elif not value.strip().startswith("#"):
                self._embedded(value.strip())
        elif key != "href" and _OUTSIDE.search(value):
            raise self._refusal(f"no reference to anything outside of the file, got one in {key[:40]}")

    def _check_blur(self, text: str) -> None:
        """Check the CSS functions ``blur`` and ``drop-shadow``, in an attribute or a style sheet."""
        numbers = [float(one) for call in _BLUR.findall(text) for one in _NUMBER.findall(call)]
        if max(numbers, default=0.0) > MAX_BLUR:
            raise self._refusal(f"filters with a radius of at most {MAX_BLUR:g}")

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
        local = name.rpartition(" ")[2]
        self._in_style -= local == "style"
        self._in_text -= local == "text"
        if local == "switch" and set(self._switches.pop()) == {"foreignObject"}:
            raise self._refusal(_NO_HTML)
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._in_text and self._open[-1][0] not in {"title", "desc", "style"}:
            self._drawn[-1] += text
        if self._in_style:
            self._check_blur(text)
        if self._in_style and _OUTSIDE.search(text):
            raise self._refusal("no reference to anything outside of the file, got one in a style")

    def _entity(self, *_: object) -> None:
        raise self._refusal("no entity declarations")

    def _instruction(self, target: str, _data: str) -> None:
        if target.lower() == "xml-stylesheet":
            raise self._refusal("no style sheet outside of the file")

    def _check_uses(self) -> None:
        """Bound the elements after expansion: ten levels of ten copies each are ten thousand million."""
        inside: dict[str, list[str]] = {}
        for target, holders in self._uses:
            for holder in set(holders):
                inside.setdefault(holder, []).append(target)
        known: dict[str, int] = {}

        def expanded(name: str, above: tuple[str, ...]) -> int:
            if name in above or len(above) > MAX_DEPTH:
                raise self._refusal("no use element that refers to itself")
            if name not in known:
                targets = inside.get(name, ())
                known[name] = min(
                    MAX_EXPANDED + 1, self._sizes.get(name, 0) + sum(expanded(one, (*above, name)) for one in targets)
                )
            return known[name]

        if self._elements + sum(expanded(target, ()) for target, _ in self._uses) > MAX_EXPANDED:
            raise self._refusal(f"at most {MAX_EXPANDED} elements once every use is replaced by its target")

    def _refusal(self, expected: str) -> InvalidInput:
        return InvalidInput(self._field, f"expected an SVG with {expected}")


def _pixels(length: str, em: float) -> float | None:
    """Return a length in CSS pixels; None for a percentage, ``auto``, or anything else that the viewBox decides."""
    found = _LENGTH.fullmatch(length)
    if found is None:
        return None
    units = {**_UNITS, "em": em, "rem": _FONT_SIZE, "ex": em / 2, "ch": em / 2}
    unit = units.get(found[3].lower())
    return None if unit is None else float(f"{found[1]}e{found[2] or 0}") * unit
