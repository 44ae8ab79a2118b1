"""Is a connection string read in either form, given our deadlines, and never repeated?"""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from regen_core.errors import SettingsInvalid
from regen_schema.connection import SESSION_OPTIONS, connection_parameters, connection_string

UNREADABLE = ["secret word", "postgresql://u:%ffsecret@h/db", "postgresql://u:p%zzsecret@h/db", "host=h password='secret"]


@pytest.mark.parametrize("text", ["postgresql://ada:p%20w@h:5433/d", "host=h port=5433 dbname=d user=ada password='p w'"])
def test_either_form_is_read(text: str) -> None:
    wanted = {"host": "h", "port": "5433", "dbname": "d", "user": "ada", "password": "p w"}
    assert connection_parameters("REGEN_DATABASE_URL", text) == wanted


@pytest.mark.parametrize("text", UNREADABLE)
def test_one_that_cannot_be_read_is_refused_by_the_variables_name_alone(text: str) -> None:
    for read in (
        lambda: connection_parameters("REGEN_X", text),
        lambda: connection_string(text, variable="REGEN_X", timeout_seconds=1, application_name="a"),
    ):
        with pytest.raises(SettingsInvalid) as raised:
            read()
        assert raised.value.message == "REGEN_X: expected a libpq connection string, got one that libpq cannot parse"
        assert raised.value.__suppress_context__


def written(text: str, seconds: float) -> dict[str, object]:
    return conninfo_to_dict(connection_string(text, variable="REGEN_X", timeout_seconds=seconds, application_name="ours"))


def test_our_deadlines_are_added() -> None:
    assert written("host=h password='p w'", 30) == {
        "host": "h",
        "password": "p w",
        "application_name": "ours",
        "connect_timeout": "30",
        "client_encoding": "UTF8",
        "options": f"{SESSION_OPTIONS} -c statement_timeout=30000 -c lock_timeout=15000",
    }


def test_less_than_two_seconds_to_connect_would_be_two_for_libpq() -> None:
    assert written("host=h", 0.5)["connect_timeout"] == "2"


def test_what_the_string_says_itself_is_kept() -> None:
    given = {"host": "h", "application_name": "theirs", "connect_timeout": "3", "options": "-c role=x"}
    given["client_encoding"] = "UTF8"
    assert written("host=h application_name=theirs connect_timeout=3 options='-c role=x'", 30) == given
