"""Is a server that may forget an acknowledged commit told from one that keeps it, whoever the setting is for?

On a server of its own, whose settings are changed for real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from regen_schema.durability import durability
from regen_stack.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres(fsync=True) as started:
        yield started


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    made = server.create_database("kept")
    yield made
    server.drop_database("kept")


def test_a_server_that_keeps_commits_is_not_doubted(url: str) -> None:
    assert durability(url) == []


@pytest.mark.parametrize("value", ["off", "false", "0"])
@pytest.mark.parametrize(
    ("whose", "doubts"),
    [
        ("DATABASE kept", {"every login that has no setting of its own", "this login"}),
        ("ROLE forgetful IN DATABASE kept", {"login forgetful"}),
        ("ROLE forgetful", {"login forgetful"}),
    ],
    ids=["database", "login in database", "login"],
)
def test_whoever_may_forget_is_named(url: str, whose: str, value: str, doubts: set[str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE forgetful LOGIN")
        try:
            connection.execute(f"ALTER {whose} SET synchronous_commit = '{value}'".encode())
            assert set(durability(url)) == {
                f"synchronous_commit: expected on, got off for {one}; a crash of the server may take back commits that it"
                " acknowledged"
                for one in doubts
            }
        finally:
            connection.execute("DROP OWNED BY forgetful; DROP ROLE forgetful")


def test_another_databases_setting_says_nothing(server: Postgres, url: str) -> None:
    other = server.create_database("other")
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute("ALTER DATABASE other SET synchronous_commit = off")
    assert durability(url) == []
    server.drop_database("other")


def test_a_server_without_fsync_is_doubted() -> None:
    with Postgres(fsync=False, settings={"synchronous_commit": "on"}) as server:
        found = durability(server.create_database("lost"))
    assert [line.partition(":")[0] for line in found] == ["fsync", "full_page_writes"]
