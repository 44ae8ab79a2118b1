"""Is a listener woken by an insert, a transition and a fence, and by nothing that is rolled back?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.integration.database.jobs import claim, fail, insert, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]


@pytest.fixture
def listener(database: Database) -> Iterator[Connection]:
    with database.connect(database.readonly_url) as connection:
        connection.execute("LISTEN regeneration_job")
        yield connection


def heard(listener: Connection, superuser: Connection) -> list[str]:
    """The payloads until now: a mark of our own comes last, because notifications arrive in the order of commits."""
    superuser.execute("NOTIFY regeneration_job, 'mark'")
    payloads: list[str] = []
    for notification in listener.notifies(timeout=30):
        if notification.payload == "mark":
            return payloads
        payloads.append(notification.payload)
    pytest.fail("the mark did not arrive in 30 s")


def test_each_kind_of_change_wakes(listener: Connection, superuser: Connection) -> None:
    insert(superuser, "j")
    assert heard(listener, superuser) == ["insert"]
    claim(superuser)
    assert heard(listener, superuser) == ["transition"]
    start(superuser, "j")
    assert heard(listener, superuser) == ["fence"]
    fail(superuser, {"id": "j"})
    assert heard(listener, superuser) == ["transition"]


def test_many_rows_are_one_notification(listener: Connection, superuser: Connection) -> None:
    with superuser.transaction():
        for number in range(50):
            insert(superuser, f"j{number}")
    assert heard(listener, superuser) == ["insert"]


def test_what_is_rolled_back_wakes_nobody(listener: Connection, superuser: Connection) -> None:
    with superuser.transaction(force_rollback=True):
        insert(superuser, "j")
    assert heard(listener, superuser) == []


def test_what_changes_nothing_wakes_nobody(listener: Connection, superuser: Connection) -> None:
    call = "SELECT outcome FROM regen_ingest_v1(%s, '{}', 0, NULL, 'key', NULL)"
    superuser.execute(call, ("j",))
    assert heard(listener, superuser) == ["insert"]
    assert superuser.execute(call, ("other",)).fetchone() == ("existing",)
    assert fail(superuser, {"id": "j"}) == [("j", "refused")]
    assert claim(superuser, total=0, known=("",)) == [("j", "FAILED")]
    assert heard(listener, superuser) == ["transition"]
    assert claim(superuser) == []
    assert heard(listener, superuser) == []


def test_the_apis_insert_wakes(listener: Connection, superuser: Connection, api: Connection) -> None:
    insert(api, "j")
    assert heard(listener, superuser) == ["insert"]


def test_of_two_transactions_at_once_one_speaks_and_neither_waits(
    database: Database, listener: Connection, superuser: Connection
) -> None:
    with psycopg.connect(database.url) as first:
        insert(first, "a")
        superuser.execute("SET lock_timeout = '5s'")
        insert(superuser, "b")
        assert heard(listener, superuser) == []
    assert heard(listener, superuser) == ["insert"]
