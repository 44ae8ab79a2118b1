"""The database path of regen beside pgqueuer, procrastinate and pgbench: ``python -m bench database``."""
