"""The fonts that every executor draws with: the instruction's own, then the Noto fonts in ``noto``.

One check of a font file (``given_fonts``), one rule for characters that no font has (``Glyphs``). A PDF prints ``REPLACEMENT``
in their place and lists them in a notice; a picture is refused, since it has no room for a notice.
"""

from __future__ import annotations

from regen_executors.fonts.files import fallback_fonts, given_fonts
from regen_executors.fonts.glyphs import REPLACEMENT, Glyphs, MissingCharacter

__all__ = ["REPLACEMENT", "Glyphs", "MissingCharacter", "fallback_fonts", "given_fonts"]
