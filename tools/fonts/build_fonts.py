# /// script
# requires-python = ">=3.11"
# dependencies = ["fonttools==4.68.0", "manimgx-fonts==2026.9.26.post1"]
# ///
"""Builds the fallback fonts in ``executors/regen_executors/fonts/noto`` from the Noto fonts.

Sources: Debian's ``fonts-noto-core``, ``fonts-noto-cjk`` and ``fonts-noto-mono``, and the variable Noto Emoji in the package
``manimgx-fonts`` (Debian has the colour emoji only, as bitmaps). Install them, then run::

    python tools/fonts/build_fonts.py

The same sources give the same files: no time stamp is written. Hints are dropped, since PDF and resvg do not use them. Noto
Sans CJK keeps the characters of GB 2312, Shift JIS, Big5 and KS X 1001 with every Hangul syllable, in Japanese forms: the
regional forms add 3.8 MB. It takes some minutes.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont
from fontTools.varLib.instancer import instantiateVariableFont

TARGET = Path(__file__).resolve().parents[2] / "executors/regen_executors/fonts/noto"
CORE = Path("/usr/share/fonts/truetype/noto")
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
BOXES = range(0x2500, 0x25A0)  # lines and blocks, which no other of these fonts has whole
CJK_CODECS = ("gb2312", "shift_jis", "big5", "euc_kr", "cp949")

# Scripts in use today, and the historic ones that cost a few kilobytes. Bold only where headings are common and forms differ.
FILES = (
    *("NotoSans-Regular", "NotoSans-Bold", "NotoSans-Italic"),
    *("NotoSansArabic-Regular", "NotoSansArabic-Bold", "NotoSansHebrew-Regular", "NotoSansHebrew-Bold"),
    *("NotoSansDevanagari-Regular", "NotoSansDevanagari-Bold", "NotoSansThai-Regular", "NotoSansThai-Bold"),
    *("NotoSansBengali-Regular", "NotoSansGurmukhi-Regular", "NotoSansGujarati-Regular", "NotoSansOriya-Regular"),
    *("NotoSansTamil-Regular", "NotoSansTelugu-Regular", "NotoSansKannada-Regular", "NotoSansMalayalam-Regular"),
    *("NotoSansSinhala-Regular", "NotoSansLao-Regular", "NotoSansKhmer-Regular", "NotoSansMyanmar-Regular"),
    *("NotoSerifTibetan-Regular", "NotoSansEthiopic-Regular", "NotoSansGeorgian-Regular", "NotoSansArmenian-Regular"),
    *("NotoSansCherokee-Regular", "NotoSansCanadianAboriginal-Regular", "NotoSansMongolian-Regular"),
    *("NotoSansSyriac-Regular", "NotoSansThaana-Regular", "NotoSansNKo-Regular", "NotoSansTifinagh-Regular"),
    *("NotoSansOlChiki-Regular", "NotoSansCoptic-Regular", "NotoSansRunic-Regular", "NotoSansOgham-Regular"),
    *("NotoSansGothic-Regular", "NotoSansMath-Regular", "NotoSansSymbols-Regular", "NotoSansSymbols2-Regular"),
)


def main() -> None:
    """Writes every font; prints its size."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        _write(TTFont(CORE / f"{name}.ttf", recalcTimestamp=False), TARGET / f"{name}.ttf", None)
    mono = TTFont(CORE / "NotoSansMono-Regular.ttf", recalcTimestamp=False)
    _write(mono, TARGET / "NotoSansMono-Regular.ttf", set(BOXES))
    emoji = TTFont(_emoji(), recalcTimestamp=False)
    _write(instantiateVariableFont(emoji, {"wght": 400}), TARGET / "NotoEmoji-Regular.ttf", None)
    japanese = TTCollection(CJK).fonts[0]
    japanese.recalcTimestamp = False
    _write(japanese, TARGET / "NotoSansCJKjp-Regular.otf", {code for codec in CJK_CODECS for code in _characters(codec)})


def _emoji() -> Path:
    found = find_spec("manimgx_fonts")
    if found is None or found.origin is None:
        sys.exit("manimgx-fonts is not installed: it has the variable Noto Emoji. Install it next to fonttools.")
    return Path(found.origin).parent / "NotoEmoji[wght].ttf"


def _characters(codec: str) -> set[int]:
    """The code points that ``codec`` encodes."""
    planes = (code for code in range(0x20, 0x30000) if not 0xD800 <= code < 0xE000)
    return {code for code in planes if _encodes(codec, chr(code))}


def _encodes(codec: str, character: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _write(font: TTFont, target: Path, wanted: set[int] | None) -> None:
    options = Options()
    options.hinting = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 4, 5, 6, 13, 14, 16, 17]
    options.drop_tables += ["DSIG", "FFTM", "STAT", "meta"]
    if wanted is not None:
        options.layout_features = ["ccmp", "vert"]
    subsetter = Subsetter(options)
    held = set(font.getBestCmap())
    subsetter.populate(unicodes=held if wanted is None else held & wanted)
    subsetter.subset(font)
    font.save(target)
    print(f"{target.stat().st_size:>9,} {target.name}")  # noqa: T201 - what the program is run for


if __name__ == "__main__":
    main()
