"""Databases as earlier releases left them, made from the newest by taking away what came later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regen_schema.sql import script, scripts

if TYPE_CHECKING:
    import psycopg

_LATER_THAN_0002 = """
    DROP INDEX "RegenerationJob_retryOf_idx";
    DROP TRIGGER regen_guard_purged ON "RegenerationJob";
    DROP FUNCTION regen_guard_purged();
    DROP FUNCTION regen_purge_v1(jsonb, timestamp);
    DROP TABLE "PurgedJob";
    ALTER FUNCTION regen_audit_transitions() RESET lock_timeout;
    ALTER FUNCTION regen_audit_fences() RESET lock_timeout;
    UPDATE regen_alembic_version SET version_num = '0002';
"""
_REPLACED = {
    "regen_guard_forbidden": "migrations/0001/05_guards.sql",
    "regen_guard_job_insert": "migrations/0001/05_guards.sql",
    "regen_pick_v1": "migrations/0001/10_claim.sql",
    "regen_audit_repair_v1": "migrations/0001/14_repair.sql",
}
"""Functions that a later version gave another body, and where the first one stands."""


def as_release_0002(connection: psycopg.Connection[Any]) -> None:
    """The schema before retention: without what 0003 to 0006 made, and with the bodies that 0004 and 0006 replaced."""
    assert [one.name for one in scripts("migrations/0004")] == ["01_purged.sql", "02_guards.sql", "03_purge.sql"]
    assert [one.name for one in scripts("migrations/0006")] == ["01_guards.sql", "02_repair.sql", "03_claim.sql"]
    connection.execute(_LATER_THAN_0002)
    for name, path in _REPLACED.items():
        text = script(path).text
        begin = text.index(f"CREATE FUNCTION public.{name}(")
        body = text[begin : text.index("$regen$;", begin) + len("$regen$;")]
        connection.execute(body.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").encode())
