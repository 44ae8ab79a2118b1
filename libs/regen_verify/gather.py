"""Read snapshots from the database in batches by key, never a whole table at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from regen_core.audit_chain import AuditRecord
from regen_core.manifest import OutputRow
from regen_core.states import JobStatus
from regen_schema.sql import script
from regen_verify.records import FenceRecord, JobRecord, Limits, Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import LiteralString

FACTS: Final[LiteralString] = script("queries/facts.sql", "regen_verify").text
ROWLESS: Final[LiteralString] = script("queries/rowless.sql", "regen_verify").text
CLOCK: Final[LiteralString] = script("queries/clock.sql", "regen_verify").text

JOBS_PER_BATCH: Final = 500
EVENTS_PER_PAGE: Final = 20_000


class Read(Protocol):
    """Runs a read-only statement and returns all rows."""

    def __call__(self, statement: LiteralString, parameters: Mapping[str, Any], /) -> list[tuple[Any, ...]]:
        """Return the rows."""
        ...


def snapshots(
    read: Read,
    *,
    ids: Collection[str] | None = None,
    instructions: bool = False,
    limits: Limits | None = None,
    batch: int = JOBS_PER_BATCH,
) -> Iterator[Snapshot]:
    """Yield snapshots of up to ``batch`` jobs each, by id.

    Args:
        read: runs a statement. Each batch is one statement, and so consistent in itself.
        ids: the jobs' ids; None for all.
        instructions: also read the instructions, which can be large.
        limits: limits for the checks.
        batch: jobs per snapshot.
    """
    after = ""
    while True:
        parameters = {
            "after": after,
            "ids": None if ids is None else list(ids),
            "limit": batch,
            "instructions": instructions,
        }
        rows = read(FACTS, parameters)
        if not rows:
            return
        yield Snapshot(rows[0][-1], tuple(_record(row) for row in rows), limits=limits or Limits())
        if len(rows) < batch:
            return
        after = rows[-1][0]


def jobs_without_row(read: Read, page: int = EVENTS_PER_PAGE) -> Iterator[Snapshot]:
    """Yield a snapshot per page of the audit trail, with the job ids that have events but no row."""
    job_id, event_id = "", 0
    while rows := read(ROWLESS, {"job_id": job_id, "id": event_id, "limit": page}):
        [(job_id, event_id, missing, now)] = rows
        yield Snapshot(now, (), missing=frozenset(missing))


def clock(read: Read) -> datetime:
    """Return the database's clock."""
    [(now,)] = read(CLOCK, {})
    return cast("datetime", now)


def _record(row: tuple[Any, ...]) -> JobRecord:
    return JobRecord(
        id=row[0], type=row[1], status=JobStatus(row[2]), priority=row[3], requested_by=row[4], retry_of=row[5],
        created_at=row[6], locked_at=row[7], completed_at=row[8], output_ref=row[9], error=row[10], instruction=row[11],
        fence=None if row[12] is None else FenceRecord(row[12], row[13], row[14]),
        outputs=tuple(OutputRow(*values) for values in row[15] or ()),
        events=tuple(_event(values) for values in row[16] or ()),
    )  # fmt: skip


def _event(values: list[Any]) -> AuditRecord:
    number, event, job_id, status, actor, at, detail, prev_hash, own_hash = values
    return AuditRecord(number, event, job_id, status, actor, datetime.fromisoformat(at), detail, prev_hash, own_hash)
