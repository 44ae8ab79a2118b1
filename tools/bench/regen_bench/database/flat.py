"""Does a job cost the same beside a million finished ones, and while a long transaction keeps dead rows from being removed?"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from regen_bench.database import sizes
from regen_bench.database.regen import FUNCTIONS, Regen, phases

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 50
JOBS = 2000
_FINISHED = (
    """INSERT INTO "RegenerationJob" (id, "instructionJson", status, "createdAt", "lockedAt", "completedAt", "outputRef")
       SELECT 'old' || n, '{"type": "document", "version": 1, "inputs": {}}', 'COMPLETED', at, at, at, 's3://b/' || n
       FROM (SELECT n, timestamp '2026-01-01' + n * interval '100 ms' AS at FROM generate_series(1, %s) n) rows""",
    """INSERT INTO "RegenerationRun" SELECT 'old' || n, 'uid', 'pod', repeat('n', 64), now() FROM generate_series(1, %s) n""",
    """INSERT INTO "RegenerationOutput" SELECT 'old' || n, 'a', 's3://b/' || n || '/a', repeat('0', 64), 1, 'text/plain', now()
       FROM generate_series(1, %s) n""",
    """INSERT INTO "AuditEvent" (event, "jobId", status, actor, at, detail, hash)
       SELECT e, 'old' || n, 'COMPLETED', 'bench', now(), '{}', repeat('0', 64)
       FROM generate_series(1, %s) n, unnest(ARRAY['REGEN_JOB_LOCKED', 'REGEN_JOB_STARTED', 'REGEN_JOB_COMPLETED']) e""",
)


def measure(new_database: Callable[[str], str]) -> dict[str, list[dict[str, float]]]:
    """Seconds of claim, start and complete of every round, each round in the ``empty`` database, in the ``finished`` one and
    in the ``reader`` one, where a transaction has held its snapshot since the beginning.
    """
    databases = {name: Regen(new_database(f"flat_{name}")) for name in ("empty", "finished", "reader")}
    urls = {name: one.url for name, one in databases.items()}
    with psycopg.connect(urls["finished"], autocommit=True, connect_timeout=10) as connection:
        _finish(connection)
    with psycopg.connect(urls["reader"], connect_timeout=10) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute('SELECT count(*) FROM "RegenerationJob"')
        results: dict[str, list[dict[str, float]]] = {name: [] for name in databases}
        for _ in range(sizes.ROUNDS):
            for name, regen in databases.items():
                prefix = regen.fill(JOBS)
                with psycopg.connect(urls[name], autocommit=True, connect_timeout=10, prepare_threshold=0) as connection:
                    results[name].append(phases(connection, BATCH, FUNCTIONS))
                regen.verify(prefix, JOBS)
    return results


def _finish(connection: psycopg.Connection[Any]) -> None:
    """Finished jobs with fence, output and events; guards, checks and triggers are off for them."""
    connection.execute("SET session_replication_role = replica")
    connection.execute('ALTER TABLE "RegenerationJob" DISABLE TRIGGER regen_guard_insert, DISABLE TRIGGER regen_guard_purged')
    for statement in _FINISHED:
        connection.execute(statement, (sizes.FINISHED,))
    for guard in ("regen_guard_insert", "regen_guard_purged"):
        connection.execute(sql.SQL('ALTER TABLE "RegenerationJob" ENABLE ALWAYS TRIGGER {}').format(sql.Identifier(guard)))
    connection.execute("RESET session_replication_role")


def show(results: dict[str, list[dict[str, float]]]) -> None:
    """Prints microseconds for each job, and the ratio of claim and complete to the empty table's."""
    names = ("claim", "start", "complete")
    print(f"\n{'one job beside':<32}" + "".join(f"{name + ' µs':>13}" for name in names) + f"{'claim + complete':>18}")
    titles = {
        "empty": "an empty table",
        "finished": f"{sizes.FINISHED:,} finished jobs",
        "reader": "a long-running read transaction",
    }
    for key, title in titles.items():
        cells = [1e6 * statistics.median(one[name] for one in results[key]) / JOBS for name in names]
        ratio = statistics.median(_hot(one) / _hot(base) for one, base in zip(results[key], results["empty"], strict=True))
        print(f"{title:<32}" + "".join(f"{cell:>13.0f}" for cell in cells) + f"{ratio:>18.2f}", flush=True)


def _hot(one: dict[str, float]) -> float:
    return one["claim"] + one["complete"]
