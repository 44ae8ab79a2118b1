"""Does one command bring any suitable database to the same schema, whoever runs it and however many do?"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from regen_core.errors import DatabaseUnavailable, SettingsInvalid
from regen_schema.migrate import alembic_config, check, migrate
from regen_schema.refusal import SchemaRefused
from regen_schema.tables import VERSION_TABLE, metadata
from tests.integration.database.test_adopt import ENUM, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mock import MockerFixture

    from tests.database_fixtures import Database

Connection = psycopg.Connection[Any]

SCHEMA = """
    SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
           pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text || a.attidentity::text
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
    UNION ALL
    SELECT 'relation', c.relname, r.rolname, c.relacl::text, c.reloptions::text, c.relkind::text, NULL
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
    UNION ALL
    SELECT 'index', indexname, indexdef, NULL, NULL, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conname, pg_get_constraintdef(oid), convalidated::text, NULL, NULL, NULL
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'trigger', t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text, NULL, NULL, NULL
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT 'function', p.proname, pg_get_functiondef(p.oid), p.proacl::text, r.rolname, NULL, NULL
    FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'type', t.typname, r.rolname, NULL, NULL, NULL, NULL FROM pg_type t JOIN pg_roles r ON r.oid = t.typowner
    WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e'
    ORDER BY 1, 2, 3, 4
"""


@pytest.fixture
def fresh(empty_database: Database) -> Iterator[Connection]:
    """A superuser of a database in which nothing was done yet."""
    with empty_database.connect() as connection:
        yield connection


def test_an_adopted_table_ends_like_a_new_one(database: Database, empty_database: Database, fresh: Connection) -> None:
    fresh.execute(ENUM)
    fresh.execute(TABLE)
    migrate(empty_database.url)
    with database.connect() as made:
        assert fresh.execute(SCHEMA).fetchall() == made.execute(SCHEMA).fetchall()


def test_the_tables_in_python_are_those_in_the_database(database: Database) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database.url))
    options = {"compare_type": True, "include_name": lambda name, kind, _: (kind, name) != ("table", VERSION_TABLE)}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    engine.dispose()


def test_a_second_run_changes_nothing(database: Database) -> None:
    with database.connect() as connection:
        before = connection.execute(SCHEMA).fetchall()
        migrate(database.url)
        assert connection.execute(SCHEMA).fetchall() == before


def test_a_database_of_an_unreleased_version_is_refused(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE public.regen_alembic_version SET version_num = '0006'")
    with pytest.raises(SchemaRefused, match="schema version 0006 is not one of this release"):
        migrate(database.url)


def test_a_second_run_restores_the_grants(database: Database) -> None:
    with database.connect() as connection:
        connection.execute('GRANT UPDATE ON "RegenerationJob" TO regen_api')
        connection.execute("REVOKE EXECUTE ON FUNCTION regen_fail_v1 FROM regen_operator")
    assert len(check(database.url)) > 1
    migrate(database.url)
    assert check(database.url) == []


def test_several_at_once_end_well(empty_database: Database, fresh: Connection) -> None:
    barrier = threading.Barrier(4, timeout=30)

    def one(_: int) -> None:
        barrier.wait()
        migrate(empty_database.url)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == [None] * 4
    assert check(empty_database.url) == []


def test_roles_are_made_once_by_two_databases_at_once(empty_database: Database, fresh: Connection) -> None:
    server = empty_database.server
    names = [f"{empty_database.name}_{letter}" for letter in "ab"]
    barrier = threading.Barrier(2, timeout=30)

    def one(name: str) -> list[str]:
        url = server.create_database(name)
        barrier.wait()
        migrate(url, role_prefix="race_")
        return check(url, role_prefix="race_")

    try:
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(one, names)) == [[], []]
    finally:
        for name in names:
            server.drop_database(name)
        for role in ("api", "operator", "runner", "readonly", "owner"):
            fresh.execute(f"DROP ROLE race_{role}")


def test_two_installs_share_a_server(empty_database: Database, fresh: Connection) -> None:
    migrate(empty_database.url, role_prefix="staging_")
    try:
        assert check(empty_database.url, role_prefix="staging_") == []
        assert check(empty_database.url) != []
        for role in ("regen_api", "regen_operator", "regen_runner", "regen_readonly"):
            assert fresh.execute(
                "SELECT has_table_privilege(%s, 'public.\"RegenerationJob\"', 'SELECT')", (role,)
            ).fetchone() == (False,)
    finally:
        for role in ("api", "operator", "runner", "readonly", "owner"):
            fresh.execute(f"DROP OWNED BY staging_{role} CASCADE")
            fresh.execute(f"DROP ROLE staging_{role}")


def test_roles_can_be_left_to_a_dba(empty_database: Database, fresh: Connection) -> None:
    with pytest.raises(SchemaRefused, match="CREATE ROLE dba_owner NOLOGIN;"):
        migrate(empty_database.url, role_prefix="dba_", create_roles=False)
    assert fresh.execute("""SELECT to_regclass('public."RegenerationJob"')""").fetchone() == (None,)


def test_an_application_login_that_may_create_roles_can_migrate(empty_database: Database, fresh: Connection) -> None:
    """As on a managed server, where nobody is a superuser; the login is no member of the owner afterwards."""
    fresh.execute("CREATE ROLE managed LOGIN CREATEROLE PASSWORD 'x'")
    fresh.execute(f'ALTER DATABASE "{empty_database.name}" OWNER TO managed')
    url = empty_database.server.url(empty_database.name, user="managed", password="x")
    try:
        with empty_database.connect(url) as application:
            application.execute(ENUM)
            application.execute(TABLE)
        migrate(url, role_prefix="managed_")
        assert check(url, role_prefix="managed_") == []
        migrate(url, role_prefix="managed_")
        with empty_database.connect(url) as application:
            application.execute(
                """INSERT INTO "RegenerationJob" (id, status, "instructionJson") VALUES ('j', 'PENDING', '{}')"""
            )
            for statement in ('ALTER TABLE "RegenerationJob" DISABLE TRIGGER ALL', "SET ROLE managed_owner"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    application.execute(statement)
    finally:
        fresh.execute(f'ALTER DATABASE "{empty_database.name}" OWNER TO postgres')
        for role in ("managed_api", "managed_operator", "managed_runner", "managed_readonly", "managed_owner", "managed"):
            fresh.execute(f"DROP OWNED BY {role} CASCADE")
            fresh.execute(f"DROP ROLE {role}")


def test_a_login_without_rights_is_told_so(empty_database: Database, database_template: str) -> None:
    url = empty_database.server.url(empty_database.name, user="regen_api_login", password="a login of the tests")
    with pytest.raises(SchemaRefused, match="expected a login with more rights"):
        migrate(url)


@pytest.mark.parametrize("prefix", ["", "Regen_", "1a", "a-b", 'x"y', "pg_", "x" * 41])
def test_a_prefix_that_is_no_identifier_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsInvalid, match="REGEN_ROLE_PREFIX: expected"):
        migrate("", role_prefix=prefix)


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(DatabaseUnavailable, match="REGEN_DATABASE_URL: expected a database that answers"):
        migrate("postgresql://nobody@127.0.0.1:1/nowhere")


def test_an_encoding_that_is_not_utf8_is_refused(empty_database: Database, fresh: Connection) -> None:
    name = f"{empty_database.name}_latin"
    fresh.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with pytest.raises(SchemaRefused, match=r"database encoding: expected UTF8.*got LATIN1"):
            migrate(empty_database.server.url(name))
    finally:
        empty_database.server.drop_database(name)


CONTRACTING = """
revision, down_revision, branch_labels, depends_on = "9999", {before!r}, None, None
contracts = True


def upgrade() -> None:
    from alembic import op

    op.execute("COMMENT ON TABLE public.\\"RegenerationJob\\" IS 'contracted'")
"""


def test_what_contracts_waits_until_it_is_asked_for(
    empty_database: Database, fresh: Connection, tmp_path: Path, mocker: MockerFixture
) -> None:
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    (tmp_path / "contracting.py").write_text(CONTRACTING.format(before=head))
    config = alembic_config()
    shipped = Path(str(config.get_main_option("script_location"))) / "versions"
    config.set_main_option("version_locations", os.pathsep.join([str(shipped), str(tmp_path)]))
    mocker.patch("regen_schema.migrate.alembic_config", return_value=config)

    def comment() -> str | None:
        [found] = fresh.execute("""SELECT obj_description('public."RegenerationJob"'::regclass)""").fetchone() or (None,)
        return found

    migrate(empty_database.url, expand_only=True)
    assert comment() is None
    migrate(empty_database.url)
    assert comment() == "contracted"
    migrate(empty_database.url, expand_only=True)
    assert fresh.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone() == ("9999",), "it is never taken back"
