"""Does an audit trail that was changed in any way show it? (rule R10)"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regen_core.states import JobStatus
from regen_verify import Invariant, JobRecord, check
from regen_verify.checker import AUDIT_CHECKS
from tests.unit.verify.lives import NOW, T0, at, chained, job, snapshot

if TYPE_CHECKING:
    from regen_core.audit_chain import AuditRecord

COMPLETED = job(JobStatus.COMPLETED)
LIVES = [job(JobStatus.RUNNING), COMPLETED, job(JobStatus.FAILED), job(JobStatus.FAILED, started=False)]


def found(record: JobRecord) -> list[tuple[Invariant, str]]:
    return [(one.invariant, one.message) for one in check(snapshot(record), AUDIT_CHECKS)]


@given(record=st.sampled_from(LIVES), data=st.data())
def test_any_event_removed_is_found(record: JobRecord, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(record.events) - 1))
    kept = record.events[:place] + record.events[place + 1 :]
    assert Invariant.AUDIT_COMPLETE in dict(found(replace(record, events=kept)))
    assert Invariant.AUDIT_COMPLETE in dict(found(replace(record, events=chained(kept))))


@given(
    record=st.sampled_from(LIVES),
    change=st.sampled_from(
        [
            {"event": "REGEN_JOB_X"},
            {"status": "PENDING"},
            {"at": T0 - timedelta(seconds=1)},
            {"detail": '{"type": "other"}'},
            {"detail": "no JSON"},
            {"job_id": "k"},
            {"actor": "somebody else"},
        ]
    ),
    data=st.data(),
)
def test_any_field_changed_is_found(record: JobRecord, change: dict[str, object], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(record.events) - 1))
    changed = [replace(one, **change) if here == place else one for here, one in enumerate(record.events)]  # type: ignore[arg-type]
    assert Invariant.AUDIT_CHAIN in dict(found(replace(record, events=tuple(changed))))


@pytest.mark.parametrize("record", LIVES)
def test_a_change_with_all_hashes_made_anew_differs_from_the_rows(record: JobRecord) -> None:
    """Who can write the trail can chain it anew; what the rows say is not so easily changed."""
    *earlier, last = record.events
    for change in ({"status": "PENDING"}, {"at": NOW}, {"detail": "{}"}):
        forged = chained([*earlier, replace(last, **change)])  # type: ignore[arg-type]
        assert [invariant for invariant, _ in found(replace(record, events=forged))] == [Invariant.AUDIT_COMPLETE]


def test_a_row_that_was_changed_differs_from_its_events() -> None:
    [(invariant, message)] = found(replace(COMPLETED, priority=9))
    assert invariant is Invariant.AUDIT_COMPLETE
    assert message == (
        'audit event 1 (REGEN_JOB_LOCKED): detail is {"priority": 3, "type": "document"}, '
        'but the rows have {"priority": 9, "type": "document"}'
    )


def test_an_event_that_is_there_twice() -> None:
    twice = chained([*COMPLETED.events, replace(COMPLETED.events[-1], id=9)])
    assert found(replace(COMPLETED, events=twice)) == [
        (Invariant.AUDIT_COMPLETE, "audit event REGEN_JOB_COMPLETED occurs 2 times in this COMPLETED job, not 1")
    ]


def test_an_event_that_nothing_calls_for() -> None:
    other = replace(COMPLETED.events[-1], id=9, event="REGEN_JOB_FAILED")
    messages = [message for _, message in found(replace(COMPLETED, events=chained([*COMPLETED.events, other])))]
    assert messages == ["audit event REGEN_JOB_FAILED occurs 1 times in this COMPLETED job, not 0"]


def test_events_out_of_order() -> None:
    first, second, third = COMPLETED.events
    assert [message for _, message in found(replace(COMPLETED, events=chained([second, first, third])))] == [
        "audit events are out of order: REGEN_JOB_STARTED, REGEN_JOB_LOCKED, REGEN_JOB_COMPLETED"
    ]


def repaired(event: AuditRecord) -> AuditRecord:
    return replace(event, detail=json.dumps(json.loads(event.detail) | {"repaired": True}))


def test_a_repaired_event_may_come_late() -> None:
    first, second, third = COMPLETED.events
    assert found(replace(COMPLETED, events=chained([first, third, repaired(second)]))) == []


@pytest.mark.parametrize(("age", "missing"), [(59, False), (61, True)])
def test_the_sweep_has_a_while_to_add_what_is_missing(age: int, *, missing: bool) -> None:
    record = job(JobStatus.RUNNING, started=False, events=())
    violations = check(snapshot(record, now=at(1 + age)), AUDIT_CHECKS)
    assert [one.message for one in violations] == (["audit event REGEN_JOB_LOCKED is missing"] if missing else [])


def test_events_of_a_job_that_has_no_row() -> None:
    [violation] = check(snapshot(missing=frozenset({"gone"})))
    assert (violation.invariant, violation.job_id) == (Invariant.AUDIT_COMPLETE, "gone")
