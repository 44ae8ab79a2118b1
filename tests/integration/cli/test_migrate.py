"""Does ``regen migrate`` do its work, and say in one line what is wrong?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.command import regen

if TYPE_CHECKING:
    from tests.database_fixtures import Database


def test_migrates_and_then_finds_all_right(empty_database: Database) -> None:
    before = regen("migrate", "--check", REGEN_DATABASE_URL=empty_database.url)
    assert before.returncode == 1
    assert "table RegenerationJob: expected to exist" in before.stdout.splitlines()
    done = regen("migrate", REGEN_DATABASE_URL=empty_database.url)
    assert (done.returncode, done.stdout) == (0, "the schema is up to date\n")
    after = regen("migrate", "--check", REGEN_DATABASE_URL=empty_database.url)
    assert (after.returncode, after.stdout) == (0, "the schema is up to date\n")


def test_a_database_that_may_forget_is_a_warning_and_no_failure(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(f'ALTER DATABASE "{connection.info.dbname}" SET synchronous_commit = off'.encode())
    done = regen("migrate", "--check", REGEN_DATABASE_URL=database.url)
    assert (done.returncode, done.stdout) == (0, "the schema is up to date\n")
    assert "warning: synchronous_commit: expected on, got off for this login; a crash" in done.stderr


@pytest.mark.parametrize(
    ("environment", "status", "message"),
    [
        ({}, 2, "regen: REGEN_DATABASE_URL is not set"),
        (
            {"REGEN_DATABASE_URL": "postgresql://127.0.0.1:1/x"},
            7,
            "regen: REGEN_DATABASE_URL: expected a database that answers",
        ),
        ({"REGEN_DATABASE_URL": "secret word"}, 2, "regen: REGEN_DATABASE_URL: expected a libpq connection string"),
        (
            {"REGEN_DATABASE_URL": "postgresql://u:%ffsecret@h/db"},
            2,
            "regen: REGEN_DATABASE_URL: expected a libpq connection string",
        ),
        ({"REGEN_DATABASE_URL": "x", "REGEN_ROLE_PREFIX": "A-"}, 2, "regen: REGEN_ROLE_PREFIX: expected"),
    ],
)
def test_a_wrong_setting_is_one_line(environment: dict[str, str], status: int, message: str) -> None:
    done = regen("migrate", **environment)
    assert done.returncode == status
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize(("name", "value"), [("REGEN_CREATE_ROLES", "perhaps"), ("REGEN_MIGRATE_LOCK_TIMEOUT", "soon")])
def test_a_value_that_cannot_be_read_is_named(name: str, value: str) -> None:
    done = regen("migrate", **{"REGEN_DATABASE_URL": "x", name: value})
    assert done.returncode == 2
    assert name in done.stderr


def test_help_names_the_settings() -> None:
    done = regen("migrate", "--help")
    assert done.returncode == 0
    for word in ("--check", "REGEN_DATABASE_URL", "REGEN_ROLE_PREFIX", "REGEN_CREATE_ROLES", "REGEN_MIGRATE_LOCK_TIMEOUT"):
        assert word in done.stdout
