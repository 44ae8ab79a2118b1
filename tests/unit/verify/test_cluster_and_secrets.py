"""Is what no row wants found in the cluster, and a secret where none may be?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from regen_core.states import JobStatus
from regen_verify import ClusterObject, Invariant, JobRecord, check, check_leaks
from tests.unit.verify.lives import at, job, snapshot

POD = ClusterObject("Pod", "regen-runs", "regen-j-x", "j")
CUSTOM = ClusterObject("RegenerationJob", "regen", "regen-j", "j")


@pytest.mark.parametrize("one", [POD, CUSTOM])
def test_an_object_without_a_row(one: ClusterObject) -> None:
    [violation] = check(snapshot(missing=frozenset({"j"}), cluster=(one,)))
    assert violation.invariant is Invariant.CLUSTER
    assert violation.message == f"{one.kind} {one.namespace}/{one.name} belongs to a job without a row"
    assert f"kubectl -n {one.namespace} delete {one.kind.lower()} {one.name}" in violation.remedy


@pytest.mark.parametrize(
    ("record", "one", "minutes", "stale"),
    [
        (job(JobStatus.RUNNING), POD, 60, False),
        (job(JobStatus.PENDING), POD, 0, True),
        (job(JobStatus.PENDING), CUSTOM, 0, False),
        (job(JobStatus.COMPLETED), POD, 14, False),
        (job(JobStatus.COMPLETED), POD, 16, True),
        (job(JobStatus.COMPLETED), CUSTOM, 16, False),
    ],
)
def test_a_pod_goes_after_its_jobs_end(record: JobRecord, one: ClusterObject, minutes: int, *, stale: bool) -> None:
    violations = check(snapshot(record, cluster=(one,), now=at(3) + timedelta(minutes=minutes)), checks=())
    assert [violation.invariant for violation in violations] == [Invariant.CLUSTER] * stale


def test_a_secret_is_found_and_not_repeated() -> None:
    [violation] = check_leaks({"a log": "password=hunter2-hunter2", "a spec": "nothing"}, ["hunter2-hunter2"])
    assert violation.invariant is Invariant.SECRETS
    assert violation.message == "a log contains a secret"


@pytest.mark.parametrize("text", ["{}", "x-{}", "{}_y", "a{}b c", '{{"url": "postgres://me:{}@there"}}', "\n{}", "é{}é"])
@pytest.mark.parametrize("secret", ["hunter2-hunter2", "pass word+/=!", "f" * 64])
def test_a_secret_is_found_wherever_it_stands_among_many(text: str, secret: str) -> None:
    others = [*(f"{number:064x}" for number in range(100)), "other-secret_1", "?another one?"]
    assert check_leaks({"a log": text.format(secret)}, [*others, secret])
    assert check_leaks({"a log": text.format(secret[:-1])}, [*others, secret]) == []


def test_no_secret_no_violation() -> None:
    assert check_leaks({"a log": "all is well"}, ["hunter2-hunter2"]) == []


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_secret_that_any_text_may_hold_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="at least 8 characters"):
        check_leaks({"a log": "any"}, [secret])
