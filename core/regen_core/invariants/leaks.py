"""Secrets where none may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regen_core.invariants.records import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHORTEST: Final = 8
"""Characters; a shorter word is found in any text by chance."""


def check_leaks(texts: Mapping[str, str], secrets: Iterable[str]) -> list[Violation]:
    """Which of the texts (where → what is there) hold one of the secrets; the secret itself is not repeated.

    Raises:
        ValueError: a secret is so short that finding it would say nothing.
    """
    words = list(secrets)
    if any(len(word) < _SHORTEST for word in words):
        msg = f"check_leaks: expected secrets of {_SHORTEST} characters or more"
        raise ValueError(msg)
    return [
        Violation(Invariant.SECRETS, None, f"{where}: expected no secret, got one", "change the secret, then remove the text")
        for where, text in texts.items()
        if any(word in text for word in words)
    ]
