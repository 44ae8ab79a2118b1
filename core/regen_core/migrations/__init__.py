"""Alembic: the environment and the versions; run by ``regen_core.database.migrate`` alone."""
