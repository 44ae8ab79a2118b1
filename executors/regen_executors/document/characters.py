"""The characters that a document may hold: those that HTML and PDF can both hold."""

from __future__ import annotations

import re

from regen_executors.interface import InvalidInput

_REFUSED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls other than those that end a line and the tab
    "\ud800-\udfff"  # lone surrogates have no UTF-8
    "\ufdd0-\ufdef\ufffe\uffff"  # non-characters
    "]"
)
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85]")  # old texts separate their pages with form feeds


def checked(text: str, field: str) -> str:
    """``text`` with line feeds as its only line ends, and without byte order marks, which PDF/UA forbids inside text.

    Raises:
        InvalidInput: it holds a character that no document can show; names its line.
    """
    found = _REFUSED.search(text)
    if found is not None:
        code = f"U+{ord(found.group()):04X}"
        line = text.count("\n", 0, found.start()) + 1
        raise InvalidInput(field, f"expected printable Unicode text, got {code} on line {line}")
    return _LINE_ENDS.sub("\n", text).replace("\ufeff", "")
