"""Fills a migrated database with jobs that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


def fill(connection: psycopg.Connection[Any], rows: int) -> None:
    """``rows`` jobs of long ago, one in a hundred FAILED, one in a thousand of a rare type. Guards are off for them."""
    connection.execute("SET session_replication_role = replica")
    connection.execute('ALTER TABLE "RegenerationJob" DISABLE TRIGGER regen_guard_insert')
    connection.execute(
        """INSERT INTO "RegenerationJob"
               (id, "instructionJson", status, "createdAt", "lockedAt", "completedAt", "outputRef", "errorJson")
           SELECT md5(n::text),
                  jsonb_build_object('type', CASE WHEN n %% 1000 = 0 THEN 'asset' ELSE 'document' END, 'version', 1,
                                     'inputs', '{}'::jsonb),
                  (CASE WHEN n %% 100 = 0 THEN 'FAILED' ELSE 'COMPLETED' END)::"RegenerationJobStatus",
                  at, at, at, CASE WHEN n %% 100 = 0 THEN NULL ELSE 's3://b/' || n END,
                  CASE WHEN n %% 100 = 0 THEN '{"classification": "lost"}'::jsonb END
           FROM (SELECT n, timestamp '2026-01-01' + n * interval '100 ms' AS at FROM generate_series(1, %s) n) rows""",
        (rows,),
    )
    connection.execute('ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_insert')
    connection.execute("RESET session_replication_role")
    connection.execute('VACUUM ANALYZE "RegenerationJob"')
