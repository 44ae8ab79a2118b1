"""Do the programs' connections work whatever session variables the database or the login sets by default?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from regen_cli.database import Database as CliDatabase
from regen_core.states import Caps, Claim, Start
from regen_operator.rows.database import Database as OperatorDatabase
from regen_runner.database import RunnerDatabase
from regen_schema.migrate import check, migrate
from tests.integration.database.jobs import NONCE, insert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

HOSTILE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "client_encoding": "LATIN1",
    "search_path": "nowhere",
    "datestyle": "German, DMY",
    "intervalstyle": "iso_8601",
    "timezone": "Pacific/Chatham",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "transform_null_equals": "on",
}
LOGINS = ("regen_operator_login", "regen_runner_login", "regen_readonly_login")


@pytest.fixture(params=["database", "role", "role in database"])
def level(request: pytest.FixtureRequest, database: Database) -> Iterator[str]:
    with database.connect() as superuser:
        name = sql.Identifier(database.name)
        for variable, value in HOSTILE.items():
            setting = sql.SQL("SET {} = {}").format(sql.Identifier(variable), sql.Literal(value))
            if variable == "search_path":
                setting = sql.SQL("SET search_path = nowhere")
            if request.param == "database":
                superuser.execute(sql.SQL("ALTER DATABASE {} {}").format(name, setting))
                continue
            inside = sql.SQL("IN DATABASE {}").format(name) if request.param == "role in database" else sql.SQL("")
            for login in LOGINS:
                superuser.execute(sql.SQL("ALTER ROLE {} {} {}").format(sql.Identifier(login), inside, setting))
        yield str(request.param)
        superuser.execute("SET default_transaction_read_only = off")
        for login in LOGINS:
            superuser.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(login)))


@pytest.mark.parametrize("options", ["", "?options="])
async def test_operator_runner_and_command_line_work(database: Database, level: str, options: str) -> None:
    """With an empty ``options``, as behind a pooler, each transaction pins what the connection cannot."""
    del level
    with database.connect() as superuser:
        superuser.execute("SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0")
        superuser.execute("SET search_path = public; SET client_encoding = UTF8")
        insert(superuser, "jö日")
    operator = OperatorDatabase(database.operator_url + options, pool_size=1, timeout_seconds=10)
    await operator.open()
    try:
        caps = Caps(total=5, per_type={"document": 3}, per_requester=2)
        if options:  # the deadlines are not pinned behind a pooler: they are its administrator's
            with database.connect() as superuser:
                superuser.execute("SET default_transaction_read_only = off; SET statement_timeout = 0")
                for login in LOGINS:
                    for variable in ("statement_timeout", "lock_timeout"):
                        statement = "ALTER ROLE {} IN DATABASE {} SET {} = 0"
                        names = (sql.Identifier(one) for one in (login, database.name, variable))
                        superuser.execute(sql.SQL(statement).format(*names))
        [row] = await operator.claim(Claim(batch=5, caps=caps, known_types=frozenset({"document"})))
        assert (row.id, row.status) == ("jö日", "RUNNING")
        facts = await operator.facts(["jö日"])
        assert facts["jö日"].row.locked_at == row.locked_at
        assert abs((await operator.clock() - row.locked_at).total_seconds()) < 60  # type: ignore[operator]
    finally:
        await operator.close()
    runner = RunnerDatabase(database.runner_url + options, "test")
    assert runner.start(Start("jö日", "uid", "pod", NONCE)).outcome == "started"
    with CliDatabase(database.readonly_url + options) as command_line:
        [(job_id, locked)] = command_line.read('SELECT id, "lockedAt" FROM public."RegenerationJob"', {})
        assert (job_id, locked) == ("jö日", row.locked_at)


def test_check_and_migration_work(database: Database) -> None:
    with database.connect() as superuser:
        for variable in ("default_transaction_isolation", "datestyle", "timezone", "client_encoding", "intervalstyle"):
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                sql.Identifier(database.name), sql.Identifier(variable), sql.Literal(HOSTILE[variable])
            )
            superuser.execute(statement)
        superuser.execute(sql.SQL("ALTER DATABASE {} SET search_path = nowhere").format(sql.Identifier(database.name)))
    migrate(database.url)
    assert check(database.url) == []
