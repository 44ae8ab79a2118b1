"""Other roles' objects and rights that endanger the guards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, LiteralString

from regen_schema.read_only import looking
from regen_schema.roles import DEFAULT_PREFIX, Roles
from regen_schema.sql import script
from regen_schema.tables import OURS

if TYPE_CHECKING:
    from psycopg import Connection

_OBJECTS: Final[LiteralString] = script("foreign_objects.sql").text
_POWERS: Final[LiteralString] = script("powers.sql").text


def foreign_objects(connection: Connection[Any], owner: str) -> list[str]:
    """Return a line for each operator, cast or function of another role that touches our types or has one of our names."""
    rows = connection.execute(_OBJECTS, {"tables": list(OURS), "owner": owner}).fetchall()
    return [
        f"{kind} {name}: expected not to exist; {role} could have it called in place of ours. Drop it and find its author"
        for kind, name, role in rows
    ]


def powers(url: str, *, role_prefix: str = DEFAULT_PREFIX) -> list[str]:
    """Return a line for each login that can weaken the guards or the service without a fault in the schema.

    Raises:
        SettingsInvalid: the prefix is not an identifier, or libpq cannot parse ``url``.
        DatabaseUnavailable: the server is unreachable.
    """
    names = Roles(role_prefix)
    with looking(url, "regen migrate --check") as connection:
        if connection.execute("SELECT to_regrole(%s) IS NULL", (names.owner,)).fetchone() == (True,):
            return []
        existing = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s)"
        roles = [name for (name,) in connection.execute(existing, (list(names.all[1:]),)).fetchall()]
        rows = connection.execute(_POWERS, {"owner": names.owner, "roles": roles}).fetchall()
    return [f"login {name} {what}" for name, what in rows]
