"""Is the hash what its definition says, and does a chain show every change?"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regen_core.audit_chain import AuditRecord, event_hash, verify_chain

FIRST = AuditRecord(1, "REGEN_JOB_LOCKED", "jöb", "RUNNING", "me", datetime(2026, 1, 2, 3, 4, 5, 6000), "{}", None, "")  # noqa: DTZ001 - UTC without its zone


def chained(*records: AuditRecord) -> list[AuditRecord]:
    """The records as the database would have written them."""
    done: list[AuditRecord] = []
    for record in records:
        linked = replace(record, prev_hash=done[-1].hash if done else None)
        done.append(replace(linked, hash=event_hash(linked)))
    return done


CHAIN = chained(
    FIRST, replace(FIRST, id=2, event="REGEN_JOB_STARTED"), replace(FIRST, id=3, event="REGEN_JOB_FAILED", status="FAILED")
)


def test_the_serialisation_is_fixed() -> None:
    text = "regen-audit-1,-,16:REGEN_JOB_LOCKED,4:jöb,7:RUNNING,2:me,24:2026-01-02T03:04:05.006Z,2:{},"
    assert event_hash(FIRST) == hashlib.sha256(text.encode()).hexdigest()


def test_an_untouched_chain_has_no_faults() -> None:
    assert verify_chain(CHAIN) == []
    assert verify_chain([]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"event": "X"},
        {"job_id": "X"},
        {"status": "X"},
        {"actor": "X"},
        {"at": FIRST.at + timedelta(milliseconds=1)},
        {"detail": "[]"},
    ],
)
def test_a_changed_field_is_found(change: dict[str, object]) -> None:
    changed = [CHAIN[0], replace(CHAIN[1], **change), CHAIN[2]]  # type: ignore[arg-type] # one field per case
    assert [fault.event_id for fault in verify_chain(changed)] == [2]


def test_a_removed_or_moved_event_is_found() -> None:
    first, second, third = CHAIN
    assert [fault.event_id for fault in verify_chain([first, third])] == [3]
    assert [fault.event_id for fault in verify_chain([second, third])] == [2]
    assert verify_chain([second, first, third]) != []


@given(st.lists(st.text(max_size=10), min_size=4, max_size=4), st.lists(st.text(max_size=10), min_size=4, max_size=4))
def test_no_two_events_are_serialised_alike(one: list[str], other: list[str]) -> None:
    names = ("event", "job_id", "actor", "detail")
    left = event_hash(replace(FIRST, **dict(zip(names, one, strict=True))))  # type: ignore[arg-type] # texts only
    right = event_hash(replace(FIRST, **dict(zip(names, other, strict=True))))  # type: ignore[arg-type] # texts only
    assert (left == right) == (one == other)
