"""``regen migrate``: the database's schema."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from regen_core.errors import SettingsInvalid
from regen_schema.roles import DEFAULT_LOCK_TIMEOUT, DEFAULT_PREFIX


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; list what is missing or wrong, and exit 1 if anything is.")
    ] = False,
    role_prefix: Annotated[
        str, typer.Option(envvar="REGEN_ROLE_PREFIX", help="What the names of the five roles begin with.")
    ] = DEFAULT_PREFIX,
    create_roles: Annotated[
        bool, typer.Option(envvar="REGEN_CREATE_ROLES", help="Make the roles; say no where a DBA has made them.")
    ] = True,
    expand_only: Annotated[
        bool,
        typer.Option(
            "--expand-only", help="Only add: leave out what would take something away from programs of the release before."
        ),
    ] = False,
    lock_timeout: Annotated[
        float,
        typer.Option(
            envvar="REGEN_MIGRATE_LOCK_TIMEOUT", min=0.001, max=86400, help="Seconds to wait for the lock on a table in use."
        ),
    ] = DEFAULT_LOCK_TIMEOUT,
) -> None:
    """Bring the database to this version's schema.

    Makes the tables, functions, triggers, roles and grants, or adopts the "RegenerationJob" table of an application,
    rows included. All in one transaction, and safe to repeat. REGEN_DATABASE_URL is a libpq connection string of a
    superuser, or of a role that may create roles and owns what is adopted.
    """
    url = os.environ.get("REGEN_DATABASE_URL", "")
    if not url:
        msg = "REGEN_DATABASE_URL: expected a connection string such as postgresql://user@host/database, got nothing"
        raise SettingsInvalid(msg)
    # Alembic and SQLAlchemy cost every other command half a second.
    from regen_schema import migrate as database  # noqa: PLC0415
    from regen_schema.durability import durability  # noqa: PLC0415

    if check:
        faults = database.check(url, role_prefix=role_prefix)
        for doubt in durability(url):
            typer.echo(f"warning: {doubt}", err=True)
        for fault in faults:
            typer.echo(fault)
        if faults:
            raise typer.Exit(1)
        typer.echo("the schema is as it should be")
        return
    database.migrate(
        url,
        role_prefix=role_prefix,
        create_roles=create_roles,
        lock_timeout=lock_timeout,
        expand_only=expand_only,
        announce=lambda line: typer.echo(line, err=True),
    )
    typer.echo("the schema has all that is added" if expand_only else "the schema is up to date")
