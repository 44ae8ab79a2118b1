"""The five roles, and their grants. NOLOGIN: a platform team grants them to the logins it makes (docs/contract.md#database)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg import sql

from regen_core.errors import SettingsInvalid
from regen_schema.refusal import SchemaRefused
from regen_schema.sql import script

if TYPE_CHECKING:
    from psycopg import Connection

DEFAULT_PREFIX: Final = "regen_"
DEFAULT_LOCK_TIMEOUT: Final = 10
"""Seconds that a migration waits for a table's lock. Every later statement on the table queues behind it."""
DEFAULT_MAX_INSTRUCTION_BYTES: Final = 1 << 20
MIN_INSTRUCTION_BYTES: Final = 64 << 10
"""The longest instruction of a custom resource, which the guard must accept."""
MAX_INSTRUCTION_BYTES: Final = 64 << 20
_PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles' names, made from a prefix so that two installs share a server.

    Raises:
        SettingsInvalid: the prefix is no plain identifier of at most 40 characters, or would be a reserved name.
    """

    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix) or self.prefix.startswith("pg_"):
            msg = (
                "REGEN_ROLE_PREFIX: expected 1 to 40 lower-case letters, digits and underscores that do not begin "
                f"with a digit or pg_, got {self.prefix!r}"
            )
            raise SettingsInvalid(msg)

    @property
    def api(self) -> str:
        """Reads, and inserts the columns of a request."""
        return f"{self.prefix}api"

    @property
    def operator(self) -> str:
        """Reads, and executes ingest, claim, fail and the audit repair."""
        return f"{self.prefix}operator"

    @property
    def runner(self) -> str:
        """Executes start, complete and fail_run, and sees no table."""
        return f"{self.prefix}runner"

    @property
    def readonly(self) -> str:
        """Reads."""
        return f"{self.prefix}readonly"

    @property
    def retention(self) -> str:
        """Reads, and executes the purge."""
        return f"{self.prefix}retention"

    @property
    def owner(self) -> str:
        """Owns tables and functions. No login is a member of it, except for migrations."""
        return f"{self.prefix}owner"

    @property
    def all(self) -> tuple[str, ...]:
        """Every name, the owner's first."""
        return (self.owner, self.api, self.operator, self.runner, self.readonly, self.retention)


def missing(connection: Connection, roles: Roles) -> list[str]:
    """Which of the roles the server does not have."""
    rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", (list(roles.all),)).fetchall()
    present = {row[0] for row in rows}
    return [name for name in roles.all if name not in present]


def ensure(connection: Connection, roles: Roles, *, create: bool) -> None:
    """Makes the roles that are missing; another database's migration may do the same at this moment.

    Raises:
        SchemaRefused: with ``create`` false, and roles are missing.
    """
    absent = missing(connection, roles)
    if absent and not create:
        statements = " ".join(f"CREATE ROLE {name} NOLOGIN;" for name in absent)
        msg = f"roles: expected {', '.join(absent)} to exist because REGEN_CREATE_ROLES is false; a DBA may run: {statements}"
        raise SchemaRefused(msg)
    for name in absent:
        # unique_violation is what a second creator gets that waited for the first
        statement = sql.SQL(
            "DO $regen$ BEGIN CREATE ROLE {} NOLOGIN;"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $regen$"
        )
        connection.execute(statement.format(sql.Identifier(name)))


def become_owner(connection: Connection, roles: Roles) -> bool:
    """Makes sure that the current user may SET ROLE to the owner; whether a grant was made that is to be taken back."""
    row = connection.execute(
        "SELECT CASE WHEN current_setting('server_version_num')::int >= 160000"
        " THEN pg_has_role(current_user, %s, 'SET') ELSE pg_has_role(current_user, %s, 'MEMBER') END",
        (roles.owner, roles.owner),
    ).fetchone()
    if row is not None and row[0]:
        return False
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(roles.owner)))
    return True


def grant(connection: Connection, roles: Roles) -> None:
    """Applies ``roles/grants.sql`` as the owner: exactly these grants on our objects, and no others for our roles."""
    text = script("roles/grants.sql").text
    for placeholder, name in (
        ("@api@", roles.api),
        ("@operator@", roles.operator),
        ("@runner@", roles.runner),
        ("@readonly@", roles.readonly),
        ("@retention@", roles.retention),
    ):
        text = text.replace(placeholder, f'"{name}"')  # the prefix is a checked identifier
    connection.execute(text)
