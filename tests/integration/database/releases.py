"""Databases as earlier releases left them, made from the newest by taking away what came later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regen_core.sql import script, scripts

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


def as_release_0002(connection: psycopg.Connection[Any]) -> None:
    """The schema before retention: without what 0003 to 0005 made, and with the bodies that 0004 replaced."""
    assert [one.name for one in scripts("migrations/0004")] == ["01_purged.sql", "02_guards.sql", "03_purge.sql"]
    connection.execute(_LATER_THAN_0002)
    guards = script("migrations/0001/05_guards.sql").text
    begin = guards.index("CREATE FUNCTION public.regen_guard_forbidden()")
    body = guards[begin : guards.index("$regen$;", begin) + len("$regen$;")]
    connection.execute(body.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").encode())
