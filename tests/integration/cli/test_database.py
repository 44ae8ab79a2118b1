"""Does every statement end in time, and can a reading one not write?"""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from regen_cli.database import Database as Connection
from regen_core.errors import DatabaseUnavailable, RegenError
from tests.integration.cli.command import regen

if TYPE_CHECKING:
    from tests.database_fixtures import Database


def test_a_reading_statement_cannot_write(database: Database) -> None:
    with Connection(database.url) as connection:
        with pytest.raises(RegenError, match="read-only transaction"):
            connection.read(
                """INSERT INTO public."RegenerationJob" (id, "instructionJson") VALUES ('j', '{}') RETURNING id""", {}
            )
        assert connection.read('SELECT count(*) FROM public."RegenerationJob"', {}) == [(0,)]


def test_a_slow_statement_ends_and_the_connection_goes_on(database: Database) -> None:
    with Connection(database.url, statement_seconds=0.2) as connection:
        with pytest.raises(DatabaseUnavailable, match="REGEN_DATABASE_TIMEOUT_SECONDS"):
            connection.read("SELECT pg_sleep(60)", {})
        assert connection.read("SELECT 1", {}) == [(1,)]


def test_a_lock_is_not_waited_for_without_end(database: Database) -> None:
    with psycopg.connect(database.url) as other, Connection(database.url, statement_seconds=0.2) as connection:
        other.execute('LOCK TABLE "RegenerationJob"')
        with pytest.raises(DatabaseUnavailable):
            connection.named(
                "page", dict.fromkeys(("statuses", "type", "requester", "before_at", "before_id"), None) | {"limit": 1}
            )


def test_a_frozen_server_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regen_cli.database._SLACK_SECONDS", 0.1)
    with Connection(database.url, statement_seconds=0.1) as connection:
        [(pid,)] = connection.read("SELECT pg_backend_pid()", {})
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(DatabaseUnavailable, match="did not respond in time"):
                connection.read("SELECT 1", {})
        finally:
            os.kill(pid, signal.SIGCONT)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        done = regen("list", REGEN_DATABASE_URL=url)
    assert done.returncode == 7
    assert done.stderr.startswith("regen: cannot connect to PostgreSQL: ")


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"dbname": "no_such_database"}, 'database "no_such_database" does not exist'),
        ({"user": "no_such_login"}, 'password authentication failed for user "no_such_login"'),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
    ],
)
def test_a_refused_connection_is_a_wrong_setting(database: Database, change: dict[str, str], cause: str) -> None:
    url = make_conninfo(**(conninfo_to_dict(database.url) | change))
    done = regen("list", REGEN_DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("regen: cannot connect to PostgreSQL: ")
    assert cause in done.stderr
    assert done.stderr.endswith(" Check REGEN_DATABASE_URL.\n")
    assert done.stderr.count("\n") == 1
