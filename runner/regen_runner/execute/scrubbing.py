"""Takes out of an executor's log and error what nobody should read there: secrets, and what would steer a terminal.

The supervisor does it, since it alone sees both the log and the executor's variables.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

HIDDEN: Final = "[secret]"
CLASS_VARIABLES: Final = "EXECUTOR_"
"""Variables of an executor class begin so, those from Secrets included (``env``, ``secretEnv``)."""
SHORTEST_SECRET: Final = len(HIDDEN)
"""A shorter value would be found everywhere, and says little."""

_KEY_BEGINS: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY_ENDS: Final = "-----END"
_BOUNDARY: Final = "-----"
# Each looks a bounded way ahead, or at each character once: the log is the executor's, and may be made to be slow.
_USER: Final = re.compile(r"(?<=://)[^\s/@:]{1,256}:[^\s/@]{1,256}(?=@)")
_PATTERNS: Final = (
    (
        re.compile(
            r"(?i)\b(authorization\b[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?(?:(?:bearer|basic|token) )?)[^\s\"',;]{1,4096}"
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api[_-]?key|access[_-]?key)[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?)"
            r"[^\s\"',;&]{1,4096}"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"), HIDDEN),
    (re.compile(r"(?<![\w-])eyJ[\w-]{10,4096}\.[\w-]{10,8192}\.[\w-]{0,1024}"), HIDDEN),
)
_TERMINAL: Final = re.compile(r"\x1b\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\r(?=\n)")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """The values that a class gave to its executor: each may be a secret, and none is needed to read a log."""
    return [value for name, value in environ.items() if name.startswith(CLASS_VARIABLES)]


def forms(secrets: Iterable[str]) -> list[str]:
    """Each secret that is long enough, and each such line of it, in the ways in which programs show texts; longest first."""
    every = {form for secret in secrets for text in _texts(secret) for form in _shown(text)}
    return sorted(every, key=len, reverse=True)


def _texts(secret: str) -> Iterator[str]:
    """What of a secret may be shown alone, without the white space around it: a file's last line ends in one."""
    whole = secret.strip()
    for text in (whole, *map(str.strip, whole.splitlines())):
        # A boundary of PEM is no secret, and another key in the log is known by it.
        if len(text) >= SHORTEST_SECRET and (text == whole or not text.startswith(_BOUNDARY)):
            yield text


def _shown(text: str) -> Iterator[str]:
    data = os.fsencode(text)
    yield from (text, quote(data), quote(data, safe=""), quote_plus(data))
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    # With the other kind of quotes within, repr escapes those of the first.
    yield from (repr(text)[1:-1], repr(f'"{text}')[2:-1], ascii(text)[1:-1], repr(data)[2:-1], repr(b'"' + data)[3:-1])


def hide(text: str, known: Sequence[str]) -> str:
    """``text`` with the ``known`` secrets, private keys and the users of URLs hidden, and nothing else changed."""
    for form in known:
        text = text.replace(form, HIDDEN)
    return _USER.sub(HIDDEN, _without_keys(text))


def scrub(content: bytes, known: Sequence[str]) -> bytes:
    """``content`` as plain UTF-8 text, with the ``known`` secrets and what looks like a credential hidden.

    It never gets longer.
    """
    text = content.decode("utf-8", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")
    text = hide(_TERMINAL.sub("", text), known)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _CONTROL.sub("?", text).encode()[: len(content)]


def _without_keys(text: str) -> str:
    """Private keys in PEM hidden, to their last line, or to the end where that is missing."""
    parts, at = [], 0
    while (begin := _KEY_BEGINS.search(text, at)) is not None:
        end = text.find(_KEY_ENDS, begin.end())
        line = -1 if end < 0 else text.find("\n", end)
        parts += [text[at : begin.start()], HIDDEN]
        at = len(text) if line < 0 else line
    return "".join([*parts, text[at:]])
