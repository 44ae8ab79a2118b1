"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SUBJECT = 255
"""Characters (ASCII) of a subject at the most (OpenID Connect Core 1.0, section 2)."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. ``subject`` is the token's ``sub``; ``is_admin`` comes from its role claim."""

    subject: str
    is_admin: bool
