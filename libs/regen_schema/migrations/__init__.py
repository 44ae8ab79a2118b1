"""Alembic: the environment and the versions; run by ``regen_schema.migrate`` alone."""
