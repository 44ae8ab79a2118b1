"""The console's files for browsers. Their addresses hold their digest, so that a browser may keep them for good."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_MEDIA_TYPES: Final = {
    "console.css": "text/css; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
PREFIX: Final = "/admin/static"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its digest."""

    body: bytes
    media_type: str
    digest: str


def load_assets() -> dict[str, Asset]:
    """Every file by its name."""
    folder = files("regen_api.console").joinpath("static")
    assets = {}
    for name, media_type in _MEDIA_TYPES.items():
        body = folder.joinpath(name).read_bytes()
        assets[name] = Asset(body, media_type, hashlib.sha256(body).hexdigest()[:16])
    return assets


def address(assets: dict[str, Asset], name: str) -> str:
    """Where a page finds the file."""
    return f"{PREFIX}/{assets[name].digest}/{name}"
