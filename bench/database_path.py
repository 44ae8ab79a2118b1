"""How many jobs per second go through claim, start and complete, beside the bare cost of as many one-row transactions.

One connection, ``fsync`` and ``synchronous_commit`` on. A round claims ``batch`` jobs, then starts and completes each in a
transaction of its own, as the pods do. The floor beside it is three one-row updates of a bare table per job, two of them in
transactions of their own and one shared by the batch: what PostgreSQL itself charges for the same commits.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from regen_core.database.migrate import migrate
from regen_devcluster.postgres import Postgres

JOBS = 400
ROUNDS = 5
BATCHES = (1, 10, 50)


def run() -> dict[str, Any]:
    """Prints the table; answers the seconds of every round by batch."""
    raw: dict[str, Any] = {}
    with Postgres(fsync=True) as server:
        url = server.create_database("bench")
        migrate(url)
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            connection.execute("CREATE TABLE bare (id int PRIMARY KEY, state int NOT NULL)")
            connection.execute("INSERT INTO bare SELECT n, 0 FROM generate_series(1, %s) n", (JOBS,))
            print(f"{'batch':>6} {'jobs/s':>8} {'bare/s':>8} {'ratio':>6}   median of {ROUNDS} rounds of {JOBS} jobs")
            for batch in BATCHES:
                pairs = [(lifecycle(connection, batch, number), floor(connection, batch)) for number in range(ROUNDS)]
                raw[str(batch)] = pairs
                ours = JOBS / statistics.median(pair[0] for pair in pairs)
                bare = JOBS / statistics.median(pair[1] for pair in pairs)
                ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
                print(f"{batch:>6} {ours:>8.0f} {bare:>8.0f} {ratio:>6.2f}")
    return raw


def lifecycle(connection: psycopg.Connection[Any], batch: int, number: int) -> float:
    """The seconds in which ``JOBS`` waiting jobs become COMPLETED."""
    instruction = Jsonb({"type": "document", "version": 1, "inputs": {"title": "t", "markdown": "m"}})
    with connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)',
            [(f"b{batch}-{number}-{index}", instruction) for index in range(JOBS)],
        )
    started = time.perf_counter()
    done = 0
    while claimed := connection.execute(
        "SELECT id FROM regen_claim_v1(%s, 1000, '{}', NULL, ARRAY['document'])", (batch,)
    ).fetchall():
        for (job_id,) in claimed:
            connection.execute("SELECT outcome FROM regen_start_v1(%s, 'uid', 'pod', %s)", (job_id, "n" * 64))
            output = {"name": "a", "ref": f"s3://b/{job_id}/a", "sha256": "0" * 64, "sizeBytes": 1, "mediaType": "text/plain"}
            outcome = connection.execute(
                "SELECT regen_complete_v1(%s, %s, %s, %s)",
                (job_id, "n" * 64, f"s3://b/{job_id}/manifest.json", Jsonb([output])),
            ).fetchone()
            done += outcome == ("completed",)
    if done != JOBS:
        message = f"expected {JOBS} jobs COMPLETED, got {done}: the figure would mean nothing"
        raise RuntimeError(message)
    return time.perf_counter() - started


def floor(connection: psycopg.Connection[Any], batch: int) -> float:
    """The seconds of the same number of commits on a bare table."""
    started = time.perf_counter()
    for first in range(1, JOBS + 1, batch):
        connection.execute("UPDATE bare SET state = 1 WHERE id BETWEEN %s AND %s", (first, first + batch - 1))
        for one in range(first, min(first + batch, JOBS + 1)):
            connection.execute("UPDATE bare SET state = 2 WHERE id = %s", (one,))
            connection.execute("UPDATE bare SET state = 3 WHERE id = %s", (one,))
    return time.perf_counter() - started
