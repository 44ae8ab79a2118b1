"""The audit trail's hash chain, recomputed without the database (rule R10).

Each job's events form a chain: an event's hash is over its fields and the hash of the job's event before it. The SQL
function ``regen_audit_hash_v1`` computes the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from regen_core.canonical import sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

REPAIRED: Final = "repaired"
"""The key in an event's detail that marks it as added later by the sweep."""

SELECT_EVENTS: Final = """
    SELECT id, event, "jobId", status::text, actor, at, detail::text, "prevHash", hash
    FROM public."AuditEvent" WHERE "jobId" = %s ORDER BY id
"""
"""The fields of ``AuditRecord`` in their order, of one job (parameter: its id), oldest first."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of ``"AuditEvent"``.

    ``at`` is UTC without a zone. ``detail`` is PostgreSQL's text of the jsonb value, because a JSON number
    can change when it is read as a float and written again.
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
    """A broken link of a chain."""

    event_id: int
    message: str


def event_hash(record: AuditRecord) -> str:
    """Return the correct hash of ``record``: 64 hex digits.

    SHA-256 over a version, then each field as ``<bytes of UTF-8>:<text>``, or ``-`` if null, each followed by a
    comma.
    """
    at = f"{record.at:%Y-%m-%dT%H:%M:%S}.{record.at.microsecond // 1000:03d}Z"
    fields = (record.prev_hash, record.event, record.job_id, record.status, record.actor, at, record.detail)
    return sha256_hex(("regen-audit-1," + "".join(f"{_field(text)}," for text in fields)).encode())


def verify_chain(records: Iterable[AuditRecord]) -> list[ChainFault]:
    """Return every fault in one job's events, oldest first; empty if none was changed, removed or inserted.

    A chain cannot show that its last events were removed.
    """
    faults = []
    previous: str | None = None
    for record in records:
        if record.prev_hash != previous:
            faults.append(
                ChainFault(
                    record.id, f"prevHash is {record.prev_hash or 'null'}, but the event before it has {previous or 'none'}"
                )
            )
        if record.hash != event_hash(record):
            faults.append(ChainFault(record.id, f"hash is {record.hash}, but its fields give {event_hash(record)}"))
        previous = record.hash
    return faults


def _field(text: str | None) -> str:
    return "-" if text is None else f"{len(text.encode())}:{text}"
