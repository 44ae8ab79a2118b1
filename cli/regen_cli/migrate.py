"""``regen migrate``: create or check the database schema."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from regen_core.errors import SettingsInvalid
from regen_schema.roles import (
    DEFAULT_LOCK_TIMEOUT,
    DEFAULT_MAX_INSTRUCTION_BYTES,
    DEFAULT_PREFIX,
    MAX_INSTRUCTION_BYTES,
    MIN_INSTRUCTION_BYTES,
)


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing. List everything missing or wrong, and exit 1 if there is any.")
    ] = False,
    role_prefix: Annotated[str, typer.Option(envvar="REGEN_ROLE_PREFIX", help="Prefix of the role names.")] = DEFAULT_PREFIX,
    create_roles: Annotated[
        bool, typer.Option(envvar="REGEN_CREATE_ROLES", help="Create the roles. Turn off if a DBA has created them.")
    ] = True,
    expand_only: Annotated[
        bool,
        typer.Option("--expand-only", help="Only additions: skip changes that would break programs of the previous release."),
    ] = False,
    max_instruction_bytes: Annotated[
        int,
        typer.Option(
            envvar="REGEN_MAX_INSTRUCTION_BYTES",
            min=MIN_INSTRUCTION_BYTES,
            max=MAX_INSTRUCTION_BYTES,
            help="Longest instructionJson that an insert may have, in bytes.",
        ),
    ] = DEFAULT_MAX_INSTRUCTION_BYTES,
    lock_timeout: Annotated[
        float,
        typer.Option(envvar="REGEN_MIGRATE_LOCK_TIMEOUT", min=0.001, max=86400, help="Seconds to wait for a table lock."),
    ] = DEFAULT_LOCK_TIMEOUT,
) -> None:
    """Create or upgrade the database schema.

    Creates tables, functions, triggers, roles and grants, or adopts an application's "RegenerationJob" table with its
    rows. Runs in one transaction and can be repeated. REGEN_DATABASE_URL must connect as a superuser, or as a role that
    can create roles and owns the table to adopt.
    """
    url = os.environ.get("REGEN_DATABASE_URL", "")
    if not url:
        msg = "REGEN_DATABASE_URL is not set. Set it to a connection string such as postgresql://user@host/database."
        raise SettingsInvalid(msg)
    # Alembic and SQLAlchemy cost every other command half a second.
    from regen_schema import migrate as database  # noqa: PLC0415
    from regen_schema.durability import durability  # noqa: PLC0415
    from regen_schema.foreign_objects import powers  # noqa: PLC0415

    if check:
        faults = database.check(url, role_prefix=role_prefix)
        for doubt in (*durability(url), *powers(url, role_prefix=role_prefix)):
            typer.echo(f"warning: {doubt}", err=True)
        for fault in faults:
            typer.echo(fault)
        if faults:
            raise typer.Exit(1)
        typer.echo("the schema is up to date")
        return
    database.migrate(
        url,
        role_prefix=role_prefix,
        create_roles=create_roles,
        lock_timeout=lock_timeout,
        expand_only=expand_only,
        max_instruction_bytes=max_instruction_bytes,
        announce=lambda line: typer.echo(line, err=True),
    )
    typer.echo("the schema has every addition of this release" if expand_only else "the schema is up to date")
