"""Find secrets in texts that must not contain any."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from regen_verify.records import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHORTEST: Final = 8
"""Characters. A shorter word occurs in any text by chance."""


_PLAIN: Final = re.compile("[A-Za-z0-9_-]+")
"""The characters of tokens, digests and most passwords."""


def check_leaks(texts: Mapping[str, str], secrets: Iterable[str]) -> list[Violation]:
    """Return a violation for each text (place → text) that contains a secret. The message does not repeat it.

    Raises:
        ValueError: a secret is too short to search for.
    """
    words = set(secrets)
    if any(len(word) < _SHORTEST for word in words):
        msg = f"check_leaks: secrets must have at least {_SHORTEST} characters"
        raise ValueError(msg)
    find = _Finder(words)
    return [
        Violation(Invariant.SECRETS, None, f"{where} contains a secret", "rotate the secret, then remove the text")
        for where, text in texts.items()
        if find.any_in(text)
    ]


class _Finder:
    """Finds any of many words in one pass: every job has a nonce, and logs grow with the number of jobs."""

    def __init__(self, words: set[str]) -> None:
        self._others = [word for word in words if not _PLAIN.fullmatch(word)]
        self._by_length: dict[int, set[str]] = {}
        for word in words.difference(self._others):
            self._by_length.setdefault(len(word), set()).add(word)
        self._long_enough = re.compile(f"[A-Za-z0-9_-]{{{min(self._by_length, default=1)},}}")

    def any_in(self, text: str) -> bool:
        """Return whether ``text`` contains one of the words, also as part of a longer word."""
        if any(word in text for word in self._others):
            return True
        return bool(self._by_length) and any(self._within(run) for run in self._long_enough.findall(text))

    def _within(self, run: str) -> bool:
        return any(
            run[at : at + length] in words for length, words in self._by_length.items() for at in range(len(run) - length + 1)
        )
