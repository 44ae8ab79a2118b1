"""When does a failure count as shared by the starts of all jobs of a type, and how do claims resume?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from regen_core.errors import Classification, JobError
from regen_core.states import Caps, Claim
from regen_operator.recover import start_failures
from regen_operator.recover.start_failures import FAILURES, PROBE_SECONDS, StartFailures

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


def error(pod: str, status: int = 1) -> JobError:
    return JobError(Classification.LOST, f"failed {pod}", detail={"podName": pod, "node": pod, "exitCode": status})


@pytest.fixture
def failures() -> StartFailures:
    return StartFailures()


def test_failures_of_one_cause_block_their_type_whatever_their_pods(failures: StartFailures) -> None:
    for number in range(FAILURES):
        assert failures.limits() == {}
        failures.failed("document", error(f"pod-{number}"))
    assert failures.limits() == {"document": 0}
    assert failures.messages() == {"document": "the last 3 jobs did not start: failed pod-2"}


def test_failures_of_different_causes_block_nothing(failures: StartFailures) -> None:
    for number in range(3 * FAILURES):
        failures.failed("document", error("pod", status=number % 2))
    assert failures.limits() == {}


def test_a_start_ends_the_block(failures: StartFailures) -> None:
    for _ in range(FAILURES):
        failures.failed("document", error("pod"))
    failures.started("document")
    assert failures.limits() == {}


def test_after_a_while_one_job_probes_and_its_failure_blocks_again(failures: StartFailures, mocker: MockerFixture) -> None:
    clock = mocker.patch.object(start_failures.time, "monotonic", return_value=1000.0)
    for _ in range(FAILURES):
        failures.failed("document", error("pod"))
    clock.return_value += PROBE_SECONDS
    assert failures.limits() == {"document": 1}
    failures.failed("document", error("pod"))
    assert failures.limits() == {"document": 0}


def test_the_lower_of_two_caps_holds() -> None:
    claim = Claim(5, Caps(20, {"document": 3, "export": 0}), frozenset({"document", "export", "asset"}))
    limited = claim.limited({"document": 1, "export": 1, "asset": 0})
    assert limited.caps.per_type == {"document": 1, "export": 0, "asset": 0}
    assert claim.limited({}) is claim
