"""What waking costs those who insert: 32 connections that insert a job each and commit, with our NOTIFY trigger and without."""

from __future__ import annotations

import statistics

import psycopg
from psycopg import sql

from regen_bench.database import sizes
from regen_bench.database.pgbench import transactions
from regen_bench.database.regen import INSTRUCTION

_SCRIPT = f"""INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (gen_random_uuid()::text, '{INSTRUCTION}');"""  # noqa: S608
_SWITCH = 'ALTER TABLE "RegenerationJob" {} TRIGGER regen_notify_insert'


def measure(url: str) -> dict[str, list[float]]:
    """Inserts per second of every round, ``with`` and ``without`` the trigger, in turn; one connection listens throughout."""
    rates: dict[str, list[float]] = {"with": [], "without": []}
    with (
        psycopg.connect(url, autocommit=True, connect_timeout=10) as connection,
        psycopg.connect(url, autocommit=True, connect_timeout=10) as listener,
    ):
        listener.execute("LISTEN regeneration_job")
        for _ in range(sizes.ROUNDS):
            for name, verb in (("with", "ENABLE"), ("without", "DISABLE")):
                connection.execute(sql.SQL(_SWITCH).format(sql.SQL(verb)))
                rates[name].append(transactions(url, _SCRIPT, sizes.INSERTS // sizes.WRITERS, clients=sizes.WRITERS))
        connection.execute(sql.SQL(_SWITCH).format(sql.SQL("ENABLE")))
    return rates


def show(title: str, rates: dict[str, list[float]]) -> None:
    """Prints the medians and the median of the rounds' ratios."""
    ratio = statistics.median(a / b for a, b in zip(rates["with"], rates["without"], strict=True))
    print(f"\n{title}: {sizes.WRITERS} inserters, one row a transaction, medians of {sizes.ROUNDS} interleaved rounds")
    print(
        f"with NOTIFY {statistics.median(rates['with']):,.0f}/s, without {statistics.median(rates['without']):,.0f}/s, "
        f"ratio {ratio:.2f}",
        flush=True,
    )
