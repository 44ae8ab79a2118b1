"""Times that PostgreSQL holds and no program of ours can read; one of them in the queue would stop the operator.

The guard of inserts refuses them since schema 0006. A table that is adopted may hold them, and one that an earlier release
adopted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

if TYPE_CHECKING:
    from psycopg import Connection

_UNREADABLE: Final = {
    "createdAt": sql.SQL("""count(*) FILTER (WHERE "createdAt" IS NULL OR "createdAt" < {first} OR "createdAt" >= {end})"""),
    "lockedAt": sql.SQL("""count(*) FILTER (WHERE "lockedAt" < {first} OR "lockedAt" >= {end})"""),
    "completedAt": sql.SQL("""count(*) FILTER (WHERE "completedAt" < {first} OR "completedAt" >= {end})"""),
}


def unreadable_times(connection: Connection) -> list[str]:
    """A line for each column of the job table that has such times; one that is missing has none. Scans the table once."""
    found = {
        name
        for (name,) in connection.execute(
            """SELECT attname::text FROM pg_attribute
               WHERE attrelid = 'public."RegenerationJob"'::regclass AND attname = ANY (%s)
                 AND atttypid = 'timestamp'::regtype AND NOT attisdropped""",
            (list(_UNREADABLE),),
        )
    }
    columns = [name for name in _UNREADABLE if name in found]
    if not columns:
        return []
    counts = sql.SQL(", ").join(
        _UNREADABLE[name].format(first=sql.Literal("1970-01-01"), end=sql.Literal("9999-01-01")) for name in columns
    )
    statement = sql.SQL('SELECT {} FROM public."RegenerationJob"').format(counts)
    rows = connection.execute(statement).fetchone() or ()
    return [
        f"{name}: expected times from 1970-01-01 to 9998-12-31, which every program can read, got others in {count} rows"
        for name, count in zip(columns, rows, strict=True)
        if count
    ]
