"""Does a commit that was acknowledged last? The promises rest on it (docs/reliability.md); no function of ours sees to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, LiteralString

from regen_schema.read_only import looking
from regen_schema.sql import script

if TYPE_CHECKING:
    from collections.abc import Iterable

STATEMENT: Final[LiteralString] = script("durability.sql").text


def doubts(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """What ``STATEMENT`` answers, a line for each setting that voids the promises; empty means all right."""
    return [
        f"{name}: expected on, got off for {whom}; a crash of the server may take back commits that it acknowledged"
        for name, whom in rows
    ]


def durability(url: str) -> list[str]:
    """``doubts`` about the database at ``url``, a libpq connection string of any login.

    Raises:
        SettingsInvalid: libpq cannot parse ``url``.
        DatabaseUnavailable: the server cannot be reached.
    """
    with looking(url, "regen migrate --check") as connection:
        return doubts(connection.execute(STATEMENT).fetchall())
