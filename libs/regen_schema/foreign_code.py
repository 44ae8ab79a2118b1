"""Functions of other roles within our tables: they would run with the rights of the tables' owner, and can be rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, LiteralString

from regen_schema.sql import script

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

_STATEMENT: Final[LiteralString] = script("foreign_code.sql").text


@dataclass(frozen=True, slots=True)
class ForeignCode:
    """What of a table calls which function: ``part`` is such as ``constraint x``, ``function`` has its argument types."""

    table: str
    part: str
    function: str


def foreign_code(connection: Connection, tables: Collection[str], owner: str) -> list[ForeignCode]:
    """All of it in ``tables``, that of ``owner`` and of superusers aside, who gain nothing by it."""
    rows = connection.execute(_STATEMENT, {"tables": list(tables), "owner": owner}).fetchall()
    return [ForeignCode(*row) for row in rows]
