"""The audit triggers wait for a lock half a second at the most.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import op

from regen_schema.sql import scripts

if TYPE_CHECKING:
    import psycopg

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes what is missing; the order of the scripts is their number."""
    connection: psycopg.Connection[Any] = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    for script in scripts("migrations/0005"):
        connection.execute(script.text)


def downgrade() -> None:
    """Refused, as every downgrade is: an earlier release works on this schema."""
    msg = "regen migrate: expected an upgrade; earlier releases run on this schema as it is"
    raise NotImplementedError(msg)
