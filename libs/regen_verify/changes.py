"""Compare two snapshots of one job (rules R1, R4, R5, R6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regen_verify.records import Invariant, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_verify.records import JobRecord

_REMEDY: Final = "someone bypassed the guards between the two snapshots. Run `regen migrate --check`, and compare with a backup"
_NEVER: Final = ("type", "priority", "requested_by", "retry_of", "created_at", "instruction")
_SET_ONCE: Final = ("locked_at", "completed_at", "output_ref", "error", "fence")


def check_change(before: JobRecord, after: JobRecord) -> list[Violation]:
    """Return every forbidden change; empty if ``after`` can follow ``before``.

    Raises:
        ValueError: the two are not the same job.
    """
    if before.id != after.id:
        msg = f"check_change: two snapshots of one job are required, got {before.id} and {after.id}"
        raise ValueError(msg)
    return [Violation(Invariant.IMMUTABLE, after.id, message, _REMEDY) for message in _messages(before, after)]


def _messages(before: JobRecord, after: JobRecord) -> Iterator[str]:
    if not _reachable(before, after):
        yield f"status changed from {before.status} to {after.status}, which no transition allows"
    yield from (f"{field} changed, but never may" for field in _NEVER if getattr(before, field) != getattr(after, field))
    for field in _SET_ONCE:
        if getattr(before, field) not in (None, getattr(after, field)):
            yield f"{field} changed after it was set"
    if before.outputs and before.outputs != after.outputs:
        yield "outputs changed, but never may"
    if after.events[: len(before.events)] != before.events:
        yield "earlier audit events changed or disappeared"
    yield from _changed_objects(before, after)


def _changed_objects(before: JobRecord, after: JobRecord) -> Iterator[str]:
    if before.objects is None or after.objects is None:
        return
    for ref, found in before.objects.found.items():
        if after.objects.found.get(ref) != found:
            yield f"object {ref} changed, but never may"


def _reachable(before: JobRecord, after: JobRecord) -> bool:
    reached = {before.status}
    while True:
        further = {successor for status in reached for successor in type(status) if status.may_become(successor)}
        if further <= reached:
            return after.status in reached
        reached |= further
