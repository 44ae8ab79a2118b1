"""The executor of type ``asset``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, get_args

from regen_executors.asset.inputs import MAX_SOURCE_BYTES, MAX_SVG_BYTES, AssetInputs, SourceFormat
from regen_executors.asset.raster import opened
from regen_executors.asset.rendering import MEDIA_TYPES, Geometry, geometry, rendition
from regen_executors.asset.svg import parsed
from regen_executors.fonts import Glyphs, given_fonts
from regen_executors.inputs import source_file, validated
from regen_executors.interface import Artifact, ExecutionResult, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

    from regen_executors.interface import Instruction

SOURCE = "inputs.source"


class AssetExecutor:
    """Renditions of an image. The inputs are ``AssetInputs``."""

    type: ClassVar[str] = "asset"
    version: ClassVar[str] = "3"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Makes ``<name>.<format>`` for each of ``renditions``.

        Raises:
            InvalidInput: an input is wrong, or the source is not the image that it is said to be; names it.
            Capped: a source has more bytes than the limits in ``inputs`` allow.
        """
        inputs = validated(AssetInputs, instruction.inputs)
        kind = _kind(inputs)
        limit = MAX_SVG_BYTES if kind == "svg" else MAX_SOURCE_BYTES
        content = source_file(instruction.sources, inputs.source, SOURCE, limit).read_bytes()
        glyphs = Glyphs(given_fonts(inputs.fonts, instruction.sources))
        size, area = _vector(content, glyphs) if kind == "svg" else _raster(content, kind)
        artifacts = []
        for index, wanted in enumerate(inputs.renditions):
            field = f"inputs.renditions[{index}]"
            shape = geometry(wanted, size, field, scalable=kind == "svg")
            body = rendition(area(shape, field), wanted, shape.size, glyphs, field)
            artifacts.append(Artifact(f"{wanted.name}.{wanted.format}", MEDIA_TYPES[wanted.format], body))
        return ExecutionResult(tuple(artifacts), {"width": max(1, round(size[0])), "height": max(1, round(size[1]))})


def _kind(inputs: AssetInputs) -> SourceFormat:
    """What the source is said to be: by ``sourceFormat``, else by its name."""
    if inputs.source_format is not None:
        return inputs.source_format
    ending = inputs.source.rpartition(".")[2].lower()
    named: SourceFormat | None = next((one for one in get_args(SourceFormat) if one == ending), None)
    if ending == "jpg":
        named = "jpeg"
    if named is None:
        kinds = ", ".join(get_args(SourceFormat))
        raise InvalidInput("inputs.sourceFormat", f"expected one of {kinds}, since {inputs.source!r} does not end in one")
    return named


def _raster(content: bytes, kind: SourceFormat) -> tuple[tuple[float, float], Callable[[Geometry, str], Image]]:
    """The size of the source, and what gives the area that a rendition is made of."""
    image = opened(content, kind, SOURCE)

    def area(shape: Geometry, _field: str) -> Image:
        left, top, width, height = (round(one) for one in shape.area)
        return image.crop((left, top, left + width, top + height))

    return image.size, area


def _vector(content: bytes, glyphs: Glyphs) -> tuple[tuple[float, float], Callable[[Geometry, str], Image]]:
    """As ``_raster``; the area is drawn as large as the rendition needs it, so that it is never enlarged."""
    drawing = parsed(content, SOURCE, glyphs)

    def area(shape: Geometry, field: str) -> Image:
        left, top, width, height = shape.area
        scale = max(shape.size[0] / width, shape.size[1] / height)
        drawn = drawing.rendered(scale, glyphs, field)
        ends = (round((left + width) * scale), round((top + height) * scale))
        return drawn.crop((round(left * scale), round(top * scale), min(ends[0], drawn.width), min(ends[1], drawn.height)))

    return (drawing.width, drawing.height), area
