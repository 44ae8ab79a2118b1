"""The application's "User" and "Plan" tables: looked at, granted, and otherwise left alone (docs/contract.md#database).

Unlike the job table they stay the application's: it owns, writes and deletes. We read named columns of them, and never more:
the same tables may hold addresses and password hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from regen_schema.refusal import SchemaRefused
from regen_schema.tables import plan, user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from regen_schema.roles import Roles

TABLES: Final = (user, plan)
NAMES: Final = tuple(table.name for table in TABLES)

_TEXT: Final = ("text", "character varying")
_TIME: Final = ("timestamp without time zone", "timestamp with time zone", "date")
_WORD: Final = (*_TEXT, "enum")
_ACCEPTED: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("User", "id"): _TEXT,
    ("User", "subject"): _TEXT,
    ("User", "tier"): _WORD,
    ("Plan", "id"): _TEXT,
    ("Plan", "userId"): _TEXT,
    ("Plan", "topic"): _TEXT,
    ("Plan", "skillLevel"): _WORD,
    ("Plan", "weeklyHours"): ("integer", "smallint"),
    ("Plan", "learningStyle"): _WORD,
    ("Plan", "startDate"): _TIME,
    ("Plan", "deadlineDate"): _TIME,
    ("Plan", "notes"): _TEXT,
    ("Plan", "createdAt"): _TIME,
}
"""Every column that we read, and the types we can read it from; ``enum`` is any of the application's."""
_UNIQUE: Final = (("User", "id"), ("User", "subject"), ("Plan", "id"))


def refuse_unsuitable(connection: Connection) -> None:
    """Looks at the tables that are there; that none is there is fine.

    Raises:
        SchemaRefused: names every reason why they cannot be read, in one line.
    """
    strange = connection.execute(
        """SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY (%s)
           AND relkind NOT IN ('r', 'p') ORDER BY 1""",
        (list(NAMES),),
    )
    reasons = [f"{name}: expected a table" for (name,) in strange]
    reasons += [fault for fault in faults(connection) if not fault.startswith("table ")]
    if reasons:
        msg = f"User and Plan cannot be adopted: {'; '.join(reasons)}"
        raise SchemaRefused(msg)


def faults(connection: Connection) -> Iterator[str]:
    """What is missing or cannot be read, one line each."""
    found = _columns(connection)
    present = {table for table, _ in found}
    yield from (f"table {name}: expected to exist" for name in NAMES if name not in present)
    for (table, column), accepted in _ACCEPTED.items():
        kind = found.get((table, column))
        if table in present and kind is None:
            yield f"column {table}.{column}: expected to exist"
        elif kind is not None and kind not in accepted:
            yield f"column {table}.{column}: expected {' or '.join(accepted)}, got {kind}"
    unique = _unique_columns(connection)
    for table, column in _UNIQUE:
        if (table, column) in found and (table, column) not in unique:
            yield f"column {table}.{column}: expected a unique index on it alone"


def grant(connection: Connection, roles: Roles, *, ours: bool) -> None:
    """Lets the API and readers read the named columns, and takes every other right from our roles.

    Args:
        connection: as the tables' owner.
        roles: the roles' names.
        ours: whether to grant on the tables that ``roles.owner`` owns, or on those of somebody else.
    """
    owners: dict[str, str] = dict(
        connection.execute(
            """SELECT c.relname::text, r.rolname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
               WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)""",
            (list(NAMES),),
        ).fetchall()
    )
    readers = sql.SQL(", ").join(map(sql.Identifier, (roles.api, roles.readonly)))
    everyone = sql.SQL(", ").join(map(sql.Identifier, roles.all[1:]))
    for table in TABLES:
        if (owners[table.name] == roles.owner) != ours:
            continue
        statement = sql.SQL("REVOKE ALL ON public.{0} FROM {1}; GRANT SELECT ({2}) ON public.{0} TO {3}")
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
        connection.execute(statement.format(sql.Identifier(table.name), everyone, columns, readers))


def _columns(connection: Connection) -> dict[tuple[str, str], str]:
    """(table, column) to its type's name, without precision; ``enum`` for any enum."""
    rows = connection.execute(
        """SELECT c.relname::text, a.attname::text,
                  CASE t.typtype WHEN 'e' THEN 'enum' ELSE format_type(a.atttypid, NULL) END
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
           WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s) AND c.relkind IN ('r', 'p')
             AND a.attnum > 0 AND NOT a.attisdropped""",
        (list(NAMES),),
    )
    return {(table, column): kind for table, column, kind in rows}


def _unique_columns(connection: Connection) -> set[tuple[Any, ...]]:
    rows = connection.execute(
        """SELECT c.relname::text, a.attname::text
           FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
           WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)
             AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1""",
        (list(NAMES),),
    )
    return set(rows)
