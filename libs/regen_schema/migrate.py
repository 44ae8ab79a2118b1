"""Bringing a database to the newest schema, in one transaction: all of it or nothing.

``check`` is in ``regen_schema.check``, and reachable from here.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from regen_schema import adoption as adopt
from regen_schema import adoption_plans as adopt_plans
from regen_schema import roles
from regen_schema.check import check
from regen_schema.connection import connection_parameters
from regen_schema.explain import explained
from regen_schema.read_only import CONNECT_TIMEOUT
from regen_schema.refusal import SchemaRefused
from regen_schema.roles import DEFAULT_LOCK_TIMEOUT, DEFAULT_MAX_INSTRUCTION_BYTES, DEFAULT_PREFIX, Roles
from regen_schema.tables import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection as AlchemyConnection

__all__ = ["alembic_config", "check", "migrate"]

_OTHER_MIGRATION_TIMEOUT: Final = 600
"""Seconds that a migration waits for another one on the same database."""
_OLDEST: Final = 150000


def migrate(
    url: str,
    *,
    role_prefix: str = DEFAULT_PREFIX,
    create_roles: bool = True,
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
    expand_only: bool = False,
    max_instruction_bytes: int = DEFAULT_MAX_INSTRUCTION_BYTES,
    announce: Callable[[str], None] = lambda _: None,
) -> None:
    """Makes or adopts the tables, and applies every version, function, trigger, owner and grant. Safe to repeat.

    Args:
        url: a libpq connection string of a superuser, or of a role that may create roles and owns what is adopted.
        role_prefix: what the five roles' names begin with.
        create_roles: false where a DBA has made the roles.
        lock_timeout: seconds to wait for a table's lock.
        expand_only: stop before the first version that removes what an older program uses (``contracts = True``).
        max_instruction_bytes: the longest ``instructionJson`` that the guard of inserts accepts, in bytes of JSON text.
        announce: called with a line before a step that holds a lock for long.

    Raises:
        SettingsInvalid: the prefix is no identifier, or libpq cannot parse ``url``.
        SchemaRefused: the database is not one that we can build on; nothing was changed.
        DatabaseUnavailable: the server cannot be reached.
    """
    names = Roles(role_prefix)
    with _transaction(url) as connection:
        raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        _lock_out_others(raw, lock_timeout)
        _refuse_old_server(raw)
        roles.ensure(raw, names, create=create_roles)
        granted = roles.become_owner(raw, names)
        raw.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(sql.Identifier(names.owner)))
        config = alembic_config()
        _refuse_unknown_version(raw, config)
        _take_what_is_there(raw, names)
        config.attributes.update(connection=connection, announce=announce)
        command.upgrade(config, _last_that_expands(config) if expand_only else "head")
        _limit_instructions(raw, max_instruction_bytes)
        roles.grant(raw, names)
        adopt_plans.grant(raw, names, ours=True)
        raw.execute("RESET ROLE")
        adopt_plans.grant(raw, names, ours=False)
        if granted:
            raw.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(sql.Identifier(names.owner)))


def _limit_instructions(raw: psycopg.Connection[Any], max_bytes: int) -> None:
    """Sets the limit as a constant in a function of the owner, where no session can change it."""
    statement = (
        "CREATE OR REPLACE FUNCTION public.regen_max_instruction_bytes() RETURNS integer LANGUAGE sql IMMUTABLE RETURN {}"
    )
    raw.execute(sql.SQL(statement).format(sql.Literal(max_bytes)))


def alembic_config() -> Config:
    """Where the versions are; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(files("regen_schema").joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def _last_that_expands(config: Config) -> str:
    """The newest version before the first that contracts. Alembic leaves a database that is past it as it is."""
    versions = list(ScriptDirectory.from_config(config).walk_revisions())  # newest first
    contracting = [version for version in versions if getattr(version.module, "contracts", False)]
    return str(contracting[-1].down_revision) if contracting else "head"


def _lock_out_others(raw: psycopg.Connection[Any], lock_timeout: float) -> None:
    # No name may resolve in public, where other roles can often create functions and operators.
    raw.execute("SET LOCAL search_path = pg_catalog, pg_temp")
    raw.execute("SET LOCAL statement_timeout = 0")
    raw.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{_OTHER_MIGRATION_TIMEOUT}s")))
    raw.execute("SELECT pg_advisory_xact_lock(1919248238, 2)")
    raw.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{round(lock_timeout * 1000)}ms")))


def _refuse_old_server(raw: psycopg.Connection[Any]) -> None:
    if raw.info.server_version < _OLDEST:
        msg = f"PostgreSQL: expected version 15 or later, got {raw.info.parameter_status('server_version')}"
        raise SchemaRefused(msg)
    encoding = raw.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        msg = f"database encoding: expected UTF8, over whose bytes the audit hashes are made, got {encoding}"
        raise SchemaRefused(msg)


def _refuse_unknown_version(raw: psycopg.Connection[Any], config: Config) -> None:
    if raw.execute(f"SELECT to_regclass('public.{VERSION_TABLE}') IS NULL").fetchone() == (True,):
        return
    row = raw.execute(sql.SQL("SELECT version_num FROM public.{}").format(sql.Identifier(VERSION_TABLE))).fetchone()
    known = {str(version.revision) for version in ScriptDirectory.from_config(config).walk_revisions()}
    if row is not None and row[0] not in known:
        msg = (
            f"schema version {row[0]} is not one of this release, which upgrades no unreleased schema. Migrate with the "
            "release that created it, or start from an empty database."
        )
        raise SchemaRefused(msg)


def _take_what_is_there(raw: psycopg.Connection[Any], names: Roles) -> None:
    """Takes over an application's table, and acts as the owner from then on."""
    adopt_plans.refuse_unsuitable(raw)
    previous = None
    owner = sql.Identifier(names.owner)
    found = adopt.exists(raw)
    if found:
        adopt.lock(raw)
        adopt.refuse_unsuitable(raw, names.owner)
        previous = adopt.take_over(raw, names.owner)
    elif raw.execute("""SELECT to_regtype('public."RegenerationJobStatus"') IS NOT NULL""").fetchone() == (True,):
        raw.execute(sql.SQL('ALTER TYPE public."RegenerationJobStatus" OWNER TO {}').format(owner))
    raw.execute(sql.SQL("SET LOCAL ROLE {}").format(owner))
    if found:
        adopt.restrict_others(raw, previous)


@contextmanager
def _transaction(url: str) -> Iterator[AlchemyConnection]:
    """One transaction, and errors that say what to do.

    SQLAlchemy never sees the URL: a libpq string of any form will do.
    """

    def connect() -> psycopg.Connection[Any]:
        raw = psycopg.connect(**parameters)
        raw.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # what is seen once a lock was waited for is of after it
        return raw

    parameters: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, "application_name": "regen migrate"}
    parameters |= connection_parameters("REGEN_DATABASE_URL", url)
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        raise explained(cause) from error
    finally:
        engine.dispose()
