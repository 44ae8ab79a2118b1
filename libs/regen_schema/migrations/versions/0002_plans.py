"""Users and plans (new, or the application's), which job regenerates which plan, and the list of failed jobs.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import op

from regen_schema.sql import scripts

if TYPE_CHECKING:
    import psycopg

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes what is missing; the order of the scripts is their number."""
    connection: psycopg.Connection[Any] = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    for script in scripts("migrations/0002"):
        connection.execute(script.text)


def downgrade() -> None:
    """Refused: what was made of a plan is kept."""
    msg = "regen migrate: expected an upgrade; a downgrade would drop the record of which job regenerated which plan"
    raise NotImplementedError(msg)
