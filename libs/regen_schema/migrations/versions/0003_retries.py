"""The retries of a job, found by the job that they try again.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import op

from regen_schema.sql import scripts

if TYPE_CHECKING:
    import psycopg

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes what is missing; the order of the scripts is their number."""
    connection: psycopg.Connection[Any] = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    for script in scripts("migrations/0003"):
        connection.execute(script.text)


def downgrade() -> None:
    """Refused: a schema is only added to."""
    msg = "regen migrate: expected an upgrade; the programs of an older version work with this schema too"
    raise NotImplementedError(msg)
