"""The inputs of ``asset`` and its limits."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from regen_executors.inputs import StrictInputs

MAX_SOURCE_BYTES: Final = 64 * 1024 * 1024
"""The size of a raster source at the most."""

MAX_SVG_BYTES: Final = 4 * 1024 * 1024
"""The size of an SVG source at the most."""

MAX_PIXELS: Final = 40_000_000
"""Pixels of a source, or of a rendition, at the most: four bytes each, and twice that while it is resized."""

MAX_SIDE: Final = 16_383
"""Width or height of a rendition at the most, as WebP has it."""

SourceFormat = Literal["png", "jpeg", "webp", "svg"]
Format = Literal["png", "jpeg", "webp"]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
SourceName = Annotated[str, Field(min_length=1, max_length=128)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]


class CropInputs(StrictInputs):
    """A rectangle of the upright source, in its pixels (an SVG: in its own size), from the left upper corner."""

    x: Annotated[int, Field(ge=0)]
    y: Annotated[int, Field(ge=0)]
    width: Side
    height: Side


class WatermarkInputs(StrictInputs):
    """One line of text over the rendition. ``size`` is its height as a share of the rendition's, ``opacity`` 1 is solid."""

    text: Annotated[str, Field(min_length=1, max_length=200)]
    position: Literal["center", "top-left", "top-right", "bottom-left", "bottom-right"] = "bottom-right"
    size: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.05
    opacity: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.5
    colour: Colour = "#ffffff"


class RenditionInputs(StrictInputs):
    """One artifact, ``<name>.<format>``. First it is cropped, then resized, then watermarked.

    Attributes:
        name: the artifact's name without its extension.
        format: what it becomes.
        crop: what is taken of the source; all of it where it is missing.
        width: with ``height`` the box; one alone keeps the proportions.
        height: likewise.
        fit: ``contain`` fits the whole image into the box, ``cover`` fills the box and cuts off what sticks out, evenly.
        enlarge: whether a raster image may become larger than it is. An SVG always may.
        quality: of JPEG and of WebP that is not lossless.
        lossless: of WebP.
        compression: of PNG, 0 (none) to 9; 6 by default.
        background: what shows through in JPEG; given for another format it replaces transparency there too.
        watermark: text over the image.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    format: Format
    crop: CropInputs | None = None
    width: Side | None = None
    height: Side | None = None
    fit: Literal["contain", "cover"] = "contain"
    enlarge: bool = False
    quality: Annotated[int | None, Field(ge=1, le=100)] = None
    lossless: bool = False
    compression: Annotated[int | None, Field(ge=0, le=9)] = None
    background: Colour | None = None
    watermark: WatermarkInputs | None = None

    @model_validator(mode="after")
    def _keys_fit_each_other(self) -> Self:
        if self.fit == "cover" and (self.width is None or self.height is None):
            msg = "expected width and height with fit cover"
        elif self.lossless and self.format != "webp":
            msg = "expected lossless only with format webp"
        elif self.compression is not None and self.format != "png":
            msg = "expected compression only with format png"
        elif self.quality is not None and (self.format == "png" or self.lossless):
            msg = "expected quality only with format jpeg, or with webp that is not lossless"
        else:
            return self
        raise ValueError(msg)


class AssetInputs(StrictInputs):
    """``instructionJson.inputs`` of an ``asset``.

    Attributes:
        source: the name of the source file that is the image.
        source_format: its format; by default what its name ends in. The file must be what this says.
        renditions: what to make of it.
        fonts: names of source files (TrueType, OpenType), tried before the shipped fonts for an SVG's text and the watermark.
    """

    source: SourceName
    source_format: SourceFormat | None = None
    renditions: Annotated[tuple[RenditionInputs, ...], Field(min_length=1, max_length=32, strict=False)]
    fonts: Annotated[tuple[SourceName, ...], Field(max_length=8, strict=False)] = ()

    @field_validator("renditions")
    @classmethod
    def _names_differ(cls, renditions: tuple[RenditionInputs, ...]) -> tuple[RenditionInputs, ...]:
        if len({(one.name.lower(), one.format) for one in renditions}) != len(renditions):
            msg = "expected renditions whose names and formats differ"
            raise ValueError(msg)
        return renditions
