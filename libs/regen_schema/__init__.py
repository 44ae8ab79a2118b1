"""The database's shape: tables, migrations, the audit chain. Nothing is imported here: an image without SQLAlchemy reads
``sqlstates`` and ``audit`` alone.
"""
