"""The job table (new, or the application's), fence, outputs, audit trail, guards and functions.

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
    """Makes or adopts the job table, then everything around it; the order of the scripts is their number."""
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
    """The driver's connection: our scripts hold many statements, and ``%`` that is no placeholder."""
    driver: psycopg.Connection[Any] = bind.connection.driver_connection  # type: ignore[assignment] # what migrate made
    return driver


def downgrade() -> None:
    """Refused: jobs, outputs and audit events are kept."""
    msg = "regen migrate: expected an upgrade; a downgrade would drop jobs, outputs and audit events"
    raise NotImplementedError(msg)
