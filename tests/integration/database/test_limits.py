"""Is an instruction too large for a pod refused at insert, and a reserved key kept for custom resources?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from regen_schema.migrate import migrate
from tests.integration.database.jobs import behind_the_guards, claim, insert, instruction

if TYPE_CHECKING:
    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]
FILLED = """INSERT INTO public."RegenerationJob" (id, "instructionJson")
            VALUES (%s, '{"type": "document", "version": 1}'::jsonb || jsonb_build_object('inputs', repeat('x', %s)))"""


def test_an_instruction_over_the_limit_is_refused(api: Connection) -> None:
    api.execute(FILLED, ("fits", (1 << 20) - 100))
    with pytest.raises(psycopg.Error, match="instructionJson: expected at most 1048576 bytes of JSON text, got 1048") as caught:
        api.execute(FILLED, ("too-large", 1 << 20))
    assert caught.value.sqlstate == "RG002"


def test_the_limit_is_a_setting_of_the_migration(database: Database, api: Connection) -> None:
    migrate(database.url, max_instruction_bytes=100_000)
    with pytest.raises(psycopg.Error, match="expected at most 100000 bytes"):
        api.execute(FILLED, ("too-large", 100_000))
    migrate(database.url)
    api.execute(FILLED, ("fits", 100_000))


def test_no_session_raises_the_limit(api: Connection) -> None:
    api.execute("SET regen.max_instruction_bytes = 100000000")
    with pytest.raises(psycopg.Error, match="expected at most 1048576 bytes"):
        api.execute(FILLED, ("too-large", 1 << 20))


@pytest.mark.parametrize("caps", [None, 5])
def test_an_adopted_row_over_the_limit_fails_in_the_claim(
    superuser: Connection, operator: Connection, caps: int | None
) -> None:
    insert(superuser, "small")
    behind_the_guards(superuser, "RegenerationJob", FILLED, ("large", 60 << 20))
    assert claim(operator, requester=caps) == [("small", "RUNNING"), ("large", "FAILED")]
    row = superuser.execute("""SELECT "errorJson" FROM public."RegenerationJob" WHERE id = 'large'""").fetchone()
    assert row is not None
    error = row[0]
    assert (error["classification"], error["retryable"], error["detail"]) == ("validation", False, {"field": "instruction"})
    assert error["message"].startswith("instruction: expected at most 1048576 bytes of JSON text, got 629")


def test_a_custom_resources_key_is_for_the_operators_function_alone(api: Connection, operator: Connection) -> None:
    with pytest.raises(psycopg.Error, match="idempotencyKey: expected no prefix cr:") as caught:
        insert(api, "j", key="cr:main/team/report")
    assert caught.value.sqlstate == "RG002"
    row = operator.execute(
        "SELECT outcome FROM public.regen_ingest_v1('j', %s, 0, 'cr:team', 'cr:main/team/report', NULL)",
        (Jsonb(instruction()),),
    ).fetchone()
    assert row == ("created",)
    insert(api, "k", key="cry me a river")
