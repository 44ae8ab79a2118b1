"""A migrated PostgreSQL database for every test that asks, and a login for every role.

Real: the server (embedded, one per test process), the migrations, roles, grants and logins. The server's time zone is
Asia/Tokyo, so that a local time written where UTC belongs is nine hours off. Not real: durability (fsync is off).
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from regen_schema.migrate import migrate
from regen_schema.roles import Roles
from regen_stack.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEMPLATE = "regen_template"
LOGIN_PASSWORD = "a login of the tests"

_names = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """One database of its own for one test. The URLs differ in the login, and so in the role."""

    server: Postgres
    name: str

    @property
    def url(self) -> str:
        """As the superuser, whom grants do not bind; triggers do."""
        return self.server.url(self.name)

    @property
    def api_url(self) -> str:
        return self._login_url(Roles().api)

    @property
    def operator_url(self) -> str:
        return self._login_url(Roles().operator)

    @property
    def runner_url(self) -> str:
        return self._login_url(Roles().runner)

    @property
    def readonly_url(self) -> str:
        return self._login_url(Roles().readonly)

    def connect(self, url: str | None = None) -> psycopg.Connection[Any]:
        """An autocommit connection, the superuser's unless ``url`` is another; the caller closes it."""
        return psycopg.connect(url or self.url, autocommit=True, connect_timeout=10)

    def _login_url(self, role: str) -> str:
        return self.server.url(self.name, user=login_name(role), password=LOGIN_PASSWORD)


def login_name(role: str) -> str:
    """The login that the fixtures grant ``role`` to."""
    return f"{role}_login"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The test process's server; it dies with the process."""
    with Postgres(timezone="Asia/Tokyo") as server:
        yield server


@pytest.fixture(scope="session")
def database_template(postgres_server: Postgres) -> str:
    """The name of a migrated database without rows, to be copied; the logins exist."""
    url = postgres_server.create_database(TEMPLATE)
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for role in Roles().all[1:]:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}")
            connection.execute(
                statement.format(sql.Identifier(login_name(role)), sql.Literal(LOGIN_PASSWORD), sql.Identifier(role))
            )
    return TEMPLATE


@pytest.fixture
def copy_of(postgres_server: Postgres) -> Iterator[Callable[[str], Database]]:
    """Makes a database of the test's own from a template's name."""
    with ExitStack() as cleanup:

        def copied(template: str) -> Database:
            name = f"regen_test_{next(_names)}"
            postgres_server.create_database(name, template=template)
            cleanup.callback(postgres_server.drop_database, name)
            return Database(postgres_server, name)

        yield copied


@pytest.fixture
def database(copy_of: Callable[[str], Database], database_template: str) -> Database:
    """A migrated, empty database."""
    return copy_of(database_template)


@pytest.fixture
def empty_database(postgres_server: Postgres) -> Iterator[Database]:
    """A database in which nothing was done yet."""
    name = f"regen_test_{next(_names)}"
    postgres_server.create_database(name)
    yield Database(postgres_server, name)
    postgres_server.drop_database(name)
