"""The database by itself: its functions, guards, grants and migrations.

In: SQL as each role's login. Checked: rows, events, answers, SQLSTATEs, plans. Nothing is mocked.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_stack.postgres import Postgres
    from tests.database_fixtures import Database


@pytest.fixture
def rolled_back(postgres_server: Postgres, database_template: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser in a transaction that is never committed, for the many small tests that need one connection only."""
    with psycopg.connect(
        postgres_server.url(_shared_name(postgres_server, database_template)), connect_timeout=10
    ) as connection:
        yield connection
        connection.rollback()


@functools.cache
def _shared_name(server: Postgres, template: str) -> str:
    server.create_database("regen_shared", template=template)
    return "regen_shared"


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Whom no grant binds."""
    with database.connect() as connection:
        yield connection


@pytest.fixture
def api(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(database.api_url) as connection:
        yield connection


@pytest.fixture
def operator(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(database.operator_url) as connection:
        yield connection


@pytest.fixture
def runner(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(database.runner_url) as connection:
        yield connection


@pytest.fixture
def readonly(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(database.readonly_url) as connection:
        yield connection
