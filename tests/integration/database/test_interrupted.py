"""Does a migration that is killed at any of its statements leave everything as it was, and the next run end well?

The server itself ends the connection, by an event trigger, right after the n-th statement that changes the schema, for every n
until one run is let through. (Roles are no objects of a database, and no event trigger sees them made.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from regen_core.errors import DatabaseUnavailable
from regen_schema.migrate import check, migrate
from tests.integration.database.jobs import claim, events
from tests.integration.database.test_adopt import ENUM, ROWS, TABLE
from tests.integration.database.test_migrate import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]

KILLER = """
CREATE SCHEMA killer;
GRANT USAGE ON SCHEMA killer TO PUBLIC;
CREATE SEQUENCE killer.statements;
CREATE TABLE killer.victim (number bigint NOT NULL);
INSERT INTO killer.victim VALUES (0);
CREATE FUNCTION killer.strike() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('killer.statements') = (SELECT number FROM killer.victim) THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
    END IF;
END
$$;
CREATE EVENT TRIGGER killer ON ddl_command_end EXECUTE FUNCTION killer.strike();
"""
ALL_ROWS = """SELECT to_jsonb(j) FROM "RegenerationJob" j ORDER BY id"""


@pytest.fixture
def target(empty_database: Database) -> Iterator[Connection]:
    """A superuser of a database in which nothing was done yet."""
    with empty_database.connect() as connection:
        yield connection


@pytest.mark.timeout(600)  # more than a hundred migrations
@pytest.mark.exhaustive
def test_every_statement_may_be_the_last(empty_database: Database, target: Connection) -> None:
    for statement in (ENUM, TABLE, ROWS):
        target.execute(statement)
    target.execute(KILLER)
    before = target.execute(SCHEMA).fetchall(), target.execute(ALL_ROWS).fetchall()
    killed = 0
    while True:
        target.execute("UPDATE killer.victim SET number = %s", (killed + 1,))
        target.execute("SELECT setval('killer.statements', 1, false)")
        try:
            migrate(empty_database.url)
        except DatabaseUnavailable:
            killed += 1
            assert (target.execute(SCHEMA).fetchall(), target.execute(ALL_ROWS).fetchall()) == before
        else:
            break
    assert killed >= 100
    target.execute("DROP EVENT TRIGGER killer")
    assert check(empty_database.url) == []
    kept = [row[0]["id"] for row in target.execute(ALL_ROWS).fetchall()]
    assert kept == [row[0]["id"] for row in before[1]]
    assert claim(target) != []
    assert events(target, "waits") == ["REGEN_JOB_LOCKED"]
