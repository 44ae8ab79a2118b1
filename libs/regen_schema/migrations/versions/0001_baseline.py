"""The whole schema: the job table (new, or the application's), fence, outputs, audit trail, guards and functions.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import context, op

from regen_schema import adoption as adopt
from regen_schema.sql import scripts

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Connection

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates or adopts the job table, then creates the rest; the scripts run in the order of their names."""
    connection = _psycopg(op.get_bind())
    adopt.make_table_if_missing(connection)
    plan = adopt.plan(connection)
    context.config.attributes["announce"](plan.announcement())
    for script in scripts("migrations/0001"):
        if script.name == adopt.BEFORE_GUARDS:
            adopt.settle_rows(connection, plan)
        connection.execute(script.text)
    adopt.validate_state_check(connection)


def _psycopg(bind: Connection) -> psycopg.Connection[Any]:
    """Return the driver's connection: a script has many statements, and ``%`` that is not a placeholder."""
    driver: psycopg.Connection[Any] = bind.connection.driver_connection  # type: ignore[assignment]
    return driver


def downgrade() -> None:
    """Refused: it would drop jobs, outputs and audit events."""
    msg = "regen migrate: a downgrade is not supported: it would drop jobs, outputs and audit events"
    raise NotImplementedError(msg)
