"""What the job table's settings cost: its fillfactor, its vacuum and its partial indexes, each beside another choice.

A steady stream: a few hundred jobs are inserted and drained, again and again, so that autovacuum has to keep up by itself.
Processor time and WAL are the draining backend's own, which other work on the machine hardly disturbs.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import dict_row

from regen_bench.database import sizes
from regen_bench.database.regen import FILL, FUNCTIONS, Regen, phases
from regen_bench.process import Process
from regen_stack.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH: Final = 50
WAVE: Final = 500
"""Jobs that are inserted at once."""
SETTINGS: Final = {"autovacuum_naptime": "1s"}
"""As often as the server can look; by default it looks once a minute, at sixty times as many dead rows."""
_TABLE: Final = 'ALTER TABLE "RegenerationJob"'
VARIANTS: Final[Mapping[str, str | None]] = {
    "as shipped": "",
    "fillfactor 100": f"{_TABLE} SET (fillfactor = 100)",
    "fillfactor 50": f"{_TABLE} SET (fillfactor = 50)",
    "PostgreSQL's autovacuum": f"{_TABLE} RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)",
    "autovacuum off": f"{_TABLE} SET (autovacuum_enabled = off)",
    "indexes without conditions": None,
}
"""The statement that makes each of the table as it is shipped."""
_INDEXES: Final = """
    SELECT format('DROP INDEX %s', i.indexrelid::regclass), split_part(pg_get_indexdef(i.indexrelid), ' WHERE ', 1)
    FROM pg_index i WHERE i.indrelid = '"RegenerationJob"'::regclass AND i.indpred IS NOT NULL
"""
_WAL: Final = "SELECT wal_bytes::float8 AS bytes FROM pg_stat_get_backend_wal(pg_backend_pid())"
_STATE: Final = """
    SELECT pg_table_size(relid) / n_tup_ins::float8 AS table_bytes, pg_indexes_size(relid) / n_tup_ins::float8 AS index_bytes,
           n_tup_hot_upd / n_tup_upd::float8 AS hot, autovacuum_count AS vacuums
    FROM pg_stat_user_tables WHERE relname = 'RegenerationJob'
"""


@dataclass(slots=True)
class _Figures:
    """By round: seconds and bytes for each job."""

    cpu: list[float]
    wal: list[float]


def measure(settings: Mapping[str, str]) -> dict[str, Any]:
    """Every variant in a database of its own, rounds interleaved; the figures by variant."""
    with Postgres(fsync=True, settings={**settings, **SETTINGS}) as server:
        tables = {name: Regen(server.create_database(f"storage_{number}")) for number, name in enumerate(VARIANTS)}
        for name, regen in tables.items():
            _change(regen.url, VARIANTS[name])
        figures = {name: _Figures([], []) for name in VARIANTS}
        for number in range(sizes.ROUNDS):
            for name, regen in tables.items():
                _round(regen, figures[name], f"r{number}")
        return {
            name: {"cpu seconds": one.cpu, "wal bytes": one.wal, **_state(tables[name].url)} for name, one in figures.items()
        }


def show(raw: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints medians for each job, and each variant's ratio to the table as it is shipped."""
    jobs = sizes.ROUNDS * sizes.STREAM
    print(
        f"\nThe job table's settings, {jobs:,} jobs in waves of {WAVE}: medians of {sizes.ROUNDS} interleaved rounds, for a job"
    )
    heads = ("CPU µs", "ratio", "WAL bytes", "table bytes", "index bytes", "HOT", "vacuums")
    print(f"{'':<28}" + "".join(f"{head:>13}" for head in heads))
    shipped = raw["as shipped"]["cpu seconds"]
    for name, one in raw.items():
        ratio = statistics.median(a / b for a, b in zip(one["cpu seconds"], shipped, strict=True))
        cells = [
            f"{1e6 * statistics.median(one['cpu seconds']):.0f}",
            f"{ratio:.2f}",
            f"{statistics.median(one['wal bytes']):,.0f}",
            f"{one['table_bytes']:,.0f}",
            f"{one['index_bytes']:,.0f}",
            f"{one['hot']:.2f}",
            f"{one['vacuums']:.0f}",
        ]
        print(f"{name:<28}" + "".join(f"{cell:>13}" for cell in cells), flush=True)


def _change(url: str, statement: str | None) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        if statement is None:
            for old, new in connection.execute(_INDEXES).fetchall():
                connection.execute(old)
                connection.execute(new)
        elif statement:
            connection.execute(statement.encode())


def _round(regen: Regen, figures: _Figures, prefix: str) -> None:
    with (
        psycopg.connect(regen.url, autocommit=True, connect_timeout=10) as other,
        psycopg.connect(regen.url, autocommit=True, connect_timeout=10, prepare_threshold=0) as connection,
    ):
        other.execute("CHECKPOINT")  # so that every round pays for as many whole pages in the log
        backend, wal = Process(connection.info.backend_pid), _wal(connection)
        before = backend.cpu_seconds()
        for wave in range(sizes.STREAM // WAVE):
            other.execute(FILL, (f"{prefix}-{wave}", WAVE))
            phases(connection, BATCH, FUNCTIONS)
        figures.cpu.append((backend.cpu_seconds() - before) / sizes.STREAM)
        figures.wal.append((_wal(connection) - wal) / sizes.STREAM)
    regen.verify(prefix, sizes.STREAM)


def _wal(connection: psycopg.Connection[Any]) -> float:
    row = connection.execute(_WAL).fetchone()
    assert row is not None
    return float(row[0])


def _state(url: str) -> dict[str, float]:
    with psycopg.connect(url, autocommit=True, connect_timeout=10, row_factory=dict_row) as connection:
        row = connection.execute(_STATE).fetchone()
    assert row is not None
    return {name: float(value) for name, value in row.items()}
