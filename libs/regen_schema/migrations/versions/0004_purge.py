"""Retention: what was purged, and the owner's routine that purges.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import op

from regen_schema.sql import scripts

if TYPE_CHECKING:
    import psycopg

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes what is missing; the order of the scripts is their number."""
    connection: psycopg.Connection[Any] = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    for script in scripts("migrations/0004"):
        connection.execute(script.text)


def downgrade() -> None:
    """Refused: what was purged is recorded, and the record is kept."""
    msg = "regen migrate: expected an upgrade; a downgrade would drop the record of which jobs were purged"
    raise NotImplementedError(msg)
