"""Is each file that another project made the one that its note names, with its licence beside it?"""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files

import pytest

from regen_api.console.assets import load_assets

STATIC = files("regen_api.console").joinpath("static")
OURS = {"console.js", "console.css", "icon.svg"}


def vendored() -> list[str]:
    """Every file that browsers are given and that is not ours."""
    return sorted(set(load_assets()) - OURS)


def test_there_is_one() -> None:
    assert vendored() == ["htmx.min.js"]


@pytest.mark.parametrize("file", vendored())
def test_a_vendored_file_is_what_its_note_says(file: str) -> None:
    name = file.partition(".")[0]
    note = tomllib.loads(STATIC.joinpath(f"{name}.toml").read_text("utf-8"))
    body = STATIC.joinpath(file).read_bytes()
    assert hashlib.sha256(body).hexdigest() == note["sha256"]
    assert f'version:"{note["version"]}"'.encode() in body
    assert f"{name}.LICENSE" in note["licence"]
    assert "Zero-Clause BSD" in STATIC.joinpath(f"{name}.LICENSE").read_text("utf-8")
