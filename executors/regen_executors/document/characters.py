"""The characters that a document may hold: those that HTML and PDF can both show."""

from __future__ import annotations

import re

from regen_executors.interface import InvalidInput

_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls other than tab, line feed and carriage return
    "\ud800-\udfff"  # lone surrogates have no UTF-8
    "\ufdd0-\ufdef\ufeff\ufffe\uffff"  # non-characters; the byte order mark, which PDF/UA forbids inside text
    "]"
)


def checked(text: str, field: str) -> str:
    """``text`` with line feeds alone as line ends.

    Raises:
        InvalidInput: it holds a character that no document can show.
    """
    found = _REFUSED.search(text)
    if found is not None:
        code = f"U+{ord(found.group()):04X}"
        raise InvalidInput(field, f"expected printable Unicode text, got {code} at character {found.start()}")
    return text.replace("\r\n", "\n").replace("\r", "\n")
