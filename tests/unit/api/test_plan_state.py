"""Does a plan's state follow from its jobs, newest first?"""

from __future__ import annotations

import pytest

from regen_api.plans.state import Generation, PlanState, PlanStatus, derive
from regen_core.states import JobStatus

P, R, C, F = JobStatus.PENDING, JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], PlanState(PlanStatus.NONE, None, None)),
        ([P], PlanState(PlanStatus.PENDING, "0", None)),
        ([R], PlanState(PlanStatus.PENDING, "0", None)),
        ([C], PlanState(PlanStatus.READY, "0", "0")),
        ([F], PlanState(PlanStatus.FAILED, "0", None)),
        ([P, C], PlanState(PlanStatus.PENDING, "0", "1")),
        ([F, C], PlanState(PlanStatus.FAILED, "0", "1")),
        ([F, P, C, C], PlanState(PlanStatus.FAILED, "0", "2")),
        ([C, F], PlanState(PlanStatus.READY, "0", "0")),
        ([R, F, F], PlanState(PlanStatus.PENDING, "0", None)),
    ],
)
def test_the_latest_job_decides_and_the_latest_output_stays(statuses: list[JobStatus], expected: PlanState) -> None:
    assert derive([Generation(str(number), status) for number, status in enumerate(statuses)]) == expected
