"""Do the transitions in Python form exactly the path of rule R1?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regen_core.errors import Classification, JobError
from regen_core.states import SUCCESSORS, Fail, FailCondition, JobStatus

LOST = JobError(Classification.LOST, "gone", retryable=True)


def test_the_edges_are_those_of_the_contract() -> None:
    edges = {(before, after) for before in JobStatus for after in JobStatus if before.may_become(after)}
    assert edges == {
        (JobStatus.PENDING, JobStatus.RUNNING),
        (JobStatus.RUNNING, JobStatus.COMPLETED),
        (JobStatus.RUNNING, JobStatus.FAILED),
    }


@given(st.lists(st.sampled_from(JobStatus), max_size=30))
def test_no_sequence_of_wishes_goes_back_or_leaves_an_end(wishes: list[JobStatus]) -> None:
    state, path = JobStatus.PENDING, [JobStatus.PENDING]
    for wish in wishes:
        if state.may_become(wish):
            assert not state.is_terminal
            state = wish
            path.append(state)
    assert len(path) == len(set(path)) <= 3
    assert path == sorted(path, key=[JobStatus.PENDING, JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED].index)


def test_every_status_reaches_an_end() -> None:
    assert [status for status in JobStatus if status.is_terminal] == [JobStatus.COMPLETED, JobStatus.FAILED]
    assert set(SUCCESSORS) == set(JobStatus)


@pytest.mark.parametrize(
    ("condition", "pod_uid"), [(FailCondition.FENCE_HELD_BY, None), (FailCondition.ANY, "uid"), (FailCondition.NO_FENCE, "uid")]
)
def test_a_failure_names_a_pod_with_the_condition_that_needs_one(condition: FailCondition, pod_uid: str | None) -> None:
    with pytest.raises(ValueError, match=r"Fail\.pod_uid is required"):
        Fail("j", LOST, condition, pod_uid)
