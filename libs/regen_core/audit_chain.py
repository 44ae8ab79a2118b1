"""The audit trail's hash chain, recomputed without the database (rule R10).

Each job's events form a chain: an event's hash is over its fields and the hash of the job's event before it. The SQL twin is
``regen_audit_hash_v1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from regen_core.canonical import sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

REPAIRED: Final = "repaired"
"""The key in an event's detail that says the sweep added it later."""

SELECT_EVENTS: Final = """
    SELECT id, event, "jobId", status::text, actor, at, detail::text, "prevHash", hash
    FROM public."AuditEvent" WHERE "jobId" = %s ORDER BY id
"""
"""The fields of ``AuditRecord`` in their order, of one job (parameter: its id), oldest first."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of ``"AuditEvent"``.

    ``at`` is UTC without a zone. ``detail`` is PostgreSQL's text of the jsonb value, because a JSON number read as a float
    and written again need not be the same text.
    """

    id: int
    event: str
    job_id: str
    status: str
    actor: str
    at: datetime
    detail: str
    prev_hash: str | None
    hash: str


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Where a chain is broken: the event, and what was expected."""

    event_id: int
    message: str


def event_hash(record: AuditRecord) -> str:
    """The hash that ``record`` must carry: 64 hex digits.

    SHA-256 over a version, then each field as ``<bytes of UTF-8>:<text>``, or ``-`` where there is none, each followed by a
    comma.
    """
    at = f"{record.at:%Y-%m-%dT%H:%M:%S}.{record.at.microsecond // 1000:03d}Z"
    fields = (record.prev_hash, record.event, record.job_id, record.status, record.actor, at, record.detail)
    return sha256_hex(("regen-audit-1," + "".join(f"{_field(text)}," for text in fields)).encode())


def verify_chain(records: Iterable[AuditRecord]) -> list[ChainFault]:
    """Every fault in one job's events, given oldest first; empty means that nothing was changed, removed or put between.

    What a chain cannot show is the removal of its last events.
    """
    faults = []
    previous: str | None = None
    for record in records:
        if record.prev_hash != previous:
            faults.append(ChainFault(record.id, f"prevHash: expected {previous or 'none'}, got {record.prev_hash or 'none'}"))
        if record.hash != event_hash(record):
            faults.append(ChainFault(record.id, f"hash: expected {event_hash(record)}, got {record.hash}"))
        previous = record.hash
    return faults


def _field(text: str | None) -> str:
    return "-" if text is None else f"{len(text.encode())}:{text}"
