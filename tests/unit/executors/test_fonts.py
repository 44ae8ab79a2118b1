"""Is a file that is no font refused by name, and are the characters that no font has found with their lines?"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from PIL import ImageFont

from regen_executors.fonts import REPLACEMENT, Glyphs, fallback_fonts, given_fonts
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = {font.path.name: font.path for font in fallback_fonts()}
SANS = SHIPPED["NotoSans-Regular.ttf"]
_CUNEIFORM = "\U00012000"


def _sfnt(*tables: tuple[bytes, bytes]) -> bytes:
    """A TrueType file of these tables."""
    at = 12 + 16 * len(tables)
    directory, bodies = b"", b""
    for tag, body in tables:
        directory += struct.pack(">4sIII", tag, 0, at + len(bodies), len(body))
        bodies += body
    return b"\x00\x01\x00\x00" + struct.pack(">HHHH", len(tables), 0, 0, 0) + directory + bodies


_GROUPS = struct.pack(">HHHHI", 0, 1, 3, 10, 12)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no font", "does not begin as one"),
        (b"", "does not begin as one"),
        (b"wOF2" + SANS.read_bytes()[4:], "web font"),
        (SANS.read_bytes()[:2000], "outside of the file"),
        (SANS.read_bytes()[:20], "ends too early"),
        (_sfnt((b"cmap", b"")), "no glyphs"),
        (_sfnt((b"glyf", b""), (b"head", b"")), "no character map"),
        (_sfnt((b"glyf", b""), (b"cmap", struct.pack(">HH", 0, 0))), "no Unicode character"),
        (_sfnt((b"glyf", b""), (b"cmap", _GROUPS + struct.pack(">HHIII", 12, 0, 16, 0, 2**31))), "damaged"),
        (_sfnt((b"glyf", b""), (b"cmap", _GROUPS + struct.pack(">HHIIIIII", 12, 0, 28, 0, 1, 65, 70, 1))), "font"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_font_is_refused_by_name(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "f.ttf").write_bytes(content)
    with pytest.raises(InvalidInput, match=why) as caught:
        given_fonts(["s.ttf", "f.ttf"], {"s.ttf": SANS, "f.ttf": tmp_path / "f.ttf"})
    assert caught.value.field == "inputs.fonts[1]"
    assert "'f.ttf'" in caught.value.expected


def test_a_font_that_is_too_large_is_capped(tmp_path: Path) -> None:
    with (tmp_path / "f.ttf").open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    with pytest.raises(Capped, match=r"^inputs\.fonts\[0\]: "):
        given_fonts(["f.ttf"], {"f.ttf": tmp_path / "f.ttf"})


@pytest.mark.parametrize("name", ["NotoSans-Regular.ttf", "NotoSansCJKjp-Regular.otf", "NotoEmoji-Regular.ttf"])
def test_the_characters_of_a_font_are_those_that_freetype_finds(name: str) -> None:
    font = next(one for one in fallback_fonts() if one.path.name == name)
    drawn = ImageFont.truetype(font.path, 20)
    blank = bytes(drawn.getmask("\U0010ffff"))
    sample = sorted(font.characters)[:: max(1, len(font.characters) // 300)]
    missing = [hex(code) for code in sample if bytes(drawn.getmask(chr(code))) == blank and not chr(code).isspace()]
    assert missing == []
    outside = [code for code in range(0x12000, 0x12100) if code in font.characters]
    assert outside == []


def test_each_script_in_daily_use_and_emoji_have_glyphs() -> None:
    text = (
        "Müller Ærø Łódź Ελλάδα Москва Հայերեն ქართული עברית العربية اردو हिन्दी বাংলা ਪੰਜਾਬੀ ગુજરાતી ଓଡ଼ିଆ தமிழ் తెలుగు ಕನ್ನಡ "
        "മലയാളം සිංහල ไทย ລາວ ខ្មែរ မြန်မာ བོད་ཡིག አማርኛ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ᠮᠣᠩᠭᠣᠯ 日本語 简体中文 繁體中文 한국어 "
        "© € → ✓ ★ ∀ ∑ 𝒜 ┌─┐ █ 😀 🚀 ❤️ 👩‍👩‍👧 🇩🇪 1️⃣"  # noqa: RUF001 - one letter of mathematics
    )
    assert Glyphs().missing(text + REPLACEMENT) == ()


def test_missing_characters_are_listed_once_with_their_lines() -> None:
    missing = Glyphs().missing(f"a\n{_CUNEIFORM}b\u200d\ufe0f\n\U0001fae8\n{_CUNEIFORM}{_CUNEIFORM}\n")
    assert [(one.character, one.lines) for one in missing] == [(_CUNEIFORM, (2, 4))]
    assert str(missing[0]) == "U+12000 CUNEIFORM SIGN A (lines 2, 4)"


def test_missing_characters_are_replaced_and_others_kept() -> None:
    assert Glyphs().replaced(f"ä{_CUNEIFORM}日") == f"ä{REPLACEMENT}日"


def test_a_given_font_adds_its_characters() -> None:
    given = given_fonts(["f"], {"f": SANS})
    assert Glyphs(given).fonts[0].path == SANS


def test_text_that_cannot_be_drawn_whole_is_refused_with_every_character() -> None:
    with pytest.raises(InvalidInput, match=r"U\+12000 CUNEIFORM SIGN A \(line 1\); U\+12001 .*\(line 2\)") as caught:
        Glyphs().require(f"{_CUNEIFORM}\n\U00012001", "inputs.renditions[0].watermark.text")
    assert caught.value.field == "inputs.renditions[0].watermark.text"


def test_the_shipped_fonts_are_small_and_have_their_licence() -> None:
    folder = SANS.parent
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 12 * 1024 * 1024
    assert "SIL OPEN FONT LICENSE Version 1.1" in (folder / "OFL.txt").read_text("utf-8")
