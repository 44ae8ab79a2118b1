"""Alembic's environment: runs the versions on the connection that ``regen_schema.migrate`` hands over.

There is no other way in: the transaction, its locks and the owner's role are that module's business.
"""

from __future__ import annotations

from alembic import context

from regen_schema.tables import VERSION_TABLE, metadata

connection = context.config.attributes.get("connection")
if connection is None:
    msg = "migrations: expected to be run by `regen migrate`, which brings the connection; got none"
    raise SystemExit(msg)

context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    version_table_schema="public",
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
