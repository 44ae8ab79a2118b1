"""The database path of regen beside pgqueuer, procrastinate and pgbench: ``python -m regen_bench database``."""
