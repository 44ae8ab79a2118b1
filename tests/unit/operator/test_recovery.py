"""Does every row of the recovery table in docs/state-machine.md get its verdict, and does the order of the checks hold?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import Classification
from regen_core.states import FailCondition
from regen_operator.kube.views import ContainerView
from regen_operator.recover import checks as recovery
from regen_operator.recover.checks import Action, decide
from tests.unit.operator.values import LIMITS, NOW, RUN, ago, failed_job, job, pod, row, snapshot

if TYPE_CHECKING:
    from regen_operator.recover.snapshot import Snapshot

GONE_LONG_AGO = NOW - timedelta(seconds=60)
IMAGE_TROUBLE = ContainerView("prepare", waiting="ImagePullBackOff", message="no such image")
BAD_NAME = ContainerView("prepare", waiting="InvalidImageName", message="bad")

NOT_CLAIMED = snapshot(row("PENDING"))
LOST_LAUNCH = snapshot()
LOST_LAUNCH_LONG_AGO = snapshot(row(claimed=1000))
STARTING = snapshot(job=job(), pod=pod("Pending"))
PENDING_TOO_LONG = snapshot(row(claimed=400), job=job(age=399), pod=pod("Pending", IMAGE_TROUBLE))
LAUNCHED_LATE = snapshot(row(claimed=400), job=job(age=10), pod=pod("Pending"))
NEVER = snapshot(job=failed_job(), pod=pod("Failed"))
SUSPENDED_EARLY = snapshot(job=job(suspended=True))
FAILURE_TARGET_EARLY = snapshot(job=job(conditions={"FailureTarget": ("DeadlineExceeded", "")}))
COMPLETE_WITHOUT_FENCE = snapshot(job=job(conditions={"Complete": ("", "")}))
WRONG_IMAGE = snapshot(job=job(), pod=pod("Pending", BAD_NAME))
REFUSED_POD = snapshot(job=job(), pod_refused='Error creating: pods "a" is forbidden: violates PodSecurity "restricted:latest"')
QUOTA = snapshot(job=job(), pod_refused='Error creating: pods "a" is forbidden: exceeded quota: pods, requested: pods=1')
STOPPED_EARLY = snapshot(deletion_seen=True)
BEING_STOPPED_EARLY = snapshot(job=job(deleting=True))
RUNNING = snapshot(run=RUN, job=job(), pod=pod())
RUNNING_WITHOUT_JOB = snapshot(run=RUN, pod=pod())
ENDING_IN_GRACE = snapshot(run=RUN, job=failed_job(), pod=pod(deletion_at=NOW + timedelta(seconds=10)))
DEAD_NODE = snapshot(run=RUN, job=job(), pod=pod(deletion_at=GONE_LONG_AGO))
POD_GONE = snapshot(run=RUN, job=job())
ALL_GONE = snapshot(run=RUN)
STOPPED = snapshot(run=RUN, deletion_seen=True)
JUST_GONE = replace(ALL_GONE, job_missing_for=1.0)
LAUNCHED_AND_JUST_GONE = snapshot(launched=True, job_missing_for=1.0)
LAUNCHED_AND_GONE = snapshot(launched=True, job_missing_for=3.0)
RUN_FAILED = snapshot(run=RUN, job=failed_job(), pod=pod("Failed", ContainerView("execute", exit_code=3)))
EXECUTOR_OUT_OF_MEMORY = snapshot(
    run=RUN,
    job=job(),
    pod=pod(
        "Pending", ContainerView("execute", terminated="OOMKilled", exit_code=0), ContainerView("publish", "PodInitializing")
    ),
)
RUN_SUSPENDED = snapshot(run=RUN, job=job(suspended=True))
RUN_FAILURE_TARGET = snapshot(run=RUN, job=job(conditions={"FailureTarget": ("DeadlineExceeded", "")}))
COMPLETE = snapshot(run=RUN, job=job(conditions={"Complete": ("", "")}), pod=pod("Succeeded"))
OVERDUE = snapshot(row(claimed=1231), run=RUN, job=job(), pod=pod())
OVERDUE_EARLY = snapshot(row(claimed=1231))
FOREIGN = snapshot(job=job(labels={}))
FOREIGN_BY_ID = snapshot(job=job(annotations={"regeneration.dev/job-id": "b"}))
ENDED_JOB_ACTIVE = snapshot(row("FAILED", ended=31), job=job())
ENDED_JUST_NOW = snapshot(row("COMPLETED", ended=10), job=job())
ENDED_JOB_DONE = snapshot(row("COMPLETED", ended=31), job=job(conditions={"Complete": ("", "")}))
ENDED_FOREIGN = snapshot(row("FAILED", ended=31), job=job(labels={}))

VERDICTS: dict[str, tuple[Snapshot, Action, Classification | None, bool]] = {
    "not claimed: the claim's business": (NOT_CLAIMED, Action.NOTHING, None, False),
    "no fence, no Job: launch": (LOST_LAUNCH, Action.LAUNCH, None, False),
    "no fence, no Job, long ago: launch": (LOST_LAUNCH_LONG_AGO, Action.LAUNCH, None, False),
    "no fence, Job launched and gone a moment ago: wait for the event": (LAUNCHED_AND_JUST_GONE, Action.WAIT, None, False),
    "no fence, Job launched and gone, and nobody was seen deleting it: launch": (LAUNCHED_AND_GONE, Action.LAUNCH, None, False),
    "no fence, Job exists: wait": (STARTING, Action.WAIT, None, False),
    "no fence past the pending deadline": (PENDING_TOO_LONG, Action.FAIL, Classification.LOST, True),
    "launched late: its Job gets the whole time": (LAUNCHED_LATE, Action.WAIT, None, False),
    "no fence, Job failed": (NEVER, Action.FAIL, Classification.LOST, True),
    "no fence, Job suspended": (SUSPENDED_EARLY, Action.FAIL, Classification.CANCELLED, True),
    "no fence, Job about to fail": (FAILURE_TARGET_EARLY, Action.FAIL, Classification.LOST, True),
    "no fence, Job complete": (COMPLETE_WITHOUT_FENCE, Action.FAIL, Classification.INTERNAL, True),
    "no fence, invalid image name: at once": (WRONG_IMAGE, Action.FAIL, Classification.INTERNAL, True),
    "no fence, pod refused by admission: at once": (REFUSED_POD, Action.FAIL, Classification.INTERNAL, True),
    "no fence, pod refused by quota: wait": (QUOTA, Action.WAIT, None, False),
    "no fence, Job seen deleted": (STOPPED_EARLY, Action.FAIL, Classification.CANCELLED, False),
    "no fence, Job being deleted": (BEING_STOPPED_EARLY, Action.FAIL, Classification.CANCELLED, False),
    "fence, pod alive: wait": (RUNNING, Action.WAIT, None, False),
    "fence, pod alive, Job orphaned: wait": (RUNNING_WITHOUT_JOB, Action.WAIT, None, False),
    "fence, pod within its grace: wait": (ENDING_IN_GRACE, Action.WAIT, None, False),
    "fence, pod deleted longer than its grace": (DEAD_NODE, Action.FAIL, Classification.LOST, False),
    "fence, pod gone": (POD_GONE, Action.FAIL, Classification.LOST, False),
    "fence, pod and Job gone": (ALL_GONE, Action.FAIL, Classification.LOST, False),
    "fence, pod and Job gone a moment ago: wait for the event": (JUST_GONE, Action.WAIT, None, False),
    "fence, Job seen deleted": (STOPPED, Action.FAIL, Classification.CANCELLED, False),
    "fence, Job failed": (RUN_FAILED, Action.FAIL, Classification.EXECUTOR, False),
    "fence, executor killed for memory and the pod stuck": (
        EXECUTOR_OUT_OF_MEMORY,
        Action.FAIL,
        Classification.RESOURCES,
        True,
    ),
    "fence, Job suspended": (RUN_SUSPENDED, Action.FAIL, Classification.CANCELLED, True),
    "fence, Job about to fail": (RUN_FAILURE_TARGET, Action.FAIL, Classification.TIMEOUT, False),
    "fence, Job complete": (COMPLETE, Action.FAIL, Classification.INTERNAL, False),
    "past every deadline, pod looks alive": (OVERDUE, Action.FAIL, Classification.LOST, True),
    "past every deadline, never launched": (OVERDUE_EARLY, Action.FAIL, Classification.LOST, False),
    "someone else's Job by label": (FOREIGN, Action.FAIL, Classification.INTERNAL, False),
    "someone else's Job by id": (FOREIGN_BY_ID, Action.FAIL, Classification.INTERNAL, False),
    "row terminal, Job active": (ENDED_JOB_ACTIVE, Action.DELETE_JOB, None, False),
    "row terminal a moment ago: wait": (ENDED_JUST_NOW, Action.WAIT, None, False),
    "row terminal, Job finished": (ENDED_JOB_DONE, Action.NOTHING, None, False),
    "row terminal, someone else's Job": (ENDED_FOREIGN, Action.NOTHING, None, False),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name: str) -> None:
    given, action, classification, delete_job = VERDICTS[name]
    verdict = decide(given)
    assert (verdict.action, verdict.delete_job) == (action, delete_job)
    assert (verdict.fail.error.classification if verdict.fail else None) == classification


@pytest.mark.parametrize("name", [name for name, (_, action, _, _) in VERDICTS.items() if action is Action.FAIL])
def test_a_failure_relies_on_the_fence_that_was_seen(name: str) -> None:
    given = VERDICTS[name][0]
    verdict = decide(given)
    assert verdict.fail is not None
    if name.startswith("past every deadline"):
        expected: tuple[FailCondition, str | None] = (FailCondition.ANY, None)
    elif given.run is None:
        expected = (FailCondition.NO_FENCE, None)
    else:
        expected = (FailCondition.FENCE_HELD_BY, given.run.pod_uid)
    assert (verdict.fail.condition, verdict.fail.pod_uid) == expected


@pytest.mark.parametrize("name", VERDICTS)
def test_a_taken_fence_is_never_launched_again(name: str) -> None:
    assert decide(replace(VERDICTS[name][0], run=RUN)).action is not Action.LAUNCH


def test_the_order_of_the_checks() -> None:
    assert [check.__name__ for check in recovery.CHECKS] == [
        "not_claimed",
        "terminal_with_active_job",
        "foreign_job",
        "overdue",
        "no_fence_cancelled",
        "no_fence_no_job",
        "no_fence_job_ended",
        "no_fence_cannot_start",
        "no_fence_too_late",
        "no_fence_starting",
        "fenced_pod_alive",
        "fenced_job_just_gone",
        "fenced_pod_dead",
    ]


def test_a_wait_has_a_time_for_the_next_examination() -> None:
    assert decide(ENDED_JUST_NOW).revisit_seconds == pytest.approx(20.0)
    assert decide(ENDING_IN_GRACE).revisit_seconds == pytest.approx(15.5)
    late = snapshot(row(claimed=299.0), job=job(age=298.0), pod=pod("Pending"))
    assert decide(late).revisit_seconds == pytest.approx(2.5)


@pytest.mark.parametrize(("waited", "expected"), [(0.0, 10.0), (9.0, 10.0), (20.0, 20.0), (45.0, 25.0), (200.0, 25.0)])
def test_examinations_of_a_starting_job_become_rarer(waited: float, expected: float) -> None:
    starting = snapshot(row(claimed=waited), job=job(age=waited), pod=pod("Pending"))
    assert decide(starting).revisit_seconds == pytest.approx(expected)


@pytest.mark.parametrize(
    "given",
    [
        snapshot(row(claimed=1228.0), job=job(age=200.0), pod=pod("Pending")),
        snapshot(row(claimed=1228.0), run=RUN, job=job(), pod=pod()),
    ],
    ids=["launched late", "running"],
)
def test_no_wait_reaches_past_the_last_deadline(given: Snapshot) -> None:
    assert decide(given).revisit_seconds == pytest.approx(2.5)


def test_a_wait_says_what_it_waits_for() -> None:
    verdict = decide(snapshot(job=job(), pod=pod("Pending", IMAGE_TROUBLE)))
    assert (verdict.reason, verdict.message) == ("ImagePull", "no such image")


@pytest.mark.parametrize(
    "message",
    [
        "Error creating: etcdserver: leader changed",
        "Error creating: Timeout: request did not complete within requested timeout - context deadline exceeded",
        'Error creating: Internal error occurred: failed calling webhook "inject.example": connect: permission denied',
        'Error creating: pods "a" is forbidden: not yet ready to handle request',
        'Error creating: pods "a" is forbidden: error looking up service account regen-runs/runner: "runner" not found',
    ],
)
def test_a_pod_that_is_refused_temporarily_is_waited_for(message: str) -> None:
    verdict = decide(snapshot(job=job(), pod_refused=message))
    assert (verdict.action, verdict.message) == (Action.WAIT, message)
    late = decide(snapshot(row(claimed=400), job=job(age=399), pod_refused=message))
    assert late.fail is not None
    assert (late.fail.error.classification, late.fail.error.retryable) == (Classification.LOST, True)


@pytest.mark.parametrize(
    "words", ["exceeded quota: runs, requested: pods=1", "status unknown for quota: runs, resources: pods"]
)
def test_a_full_quota_fails_no_job_until_it_is_past_every_deadline(words: str) -> None:
    message = f'Error creating: pods "a" is forbidden: {words}'
    for claimed in (10, 400):
        decision = decide(snapshot(row(claimed=claimed), job=job(age=claimed - 1), pod_refused=message))
        assert (decision.action, decision.reason, decision.message) == (Action.WAIT, "PodRefused", message)
        assert decision.revisit_seconds is not None
        assert decision.revisit_seconds >= 10
    created = decide(snapshot(row(claimed=400), job=job(age=399), pod=pod("Pending", created_at=ago(5))))
    assert created.action is Action.WAIT, "its pod has the whole pending deadline"
    overdue = decide(snapshot(row(claimed=LIMITS.total + 1), job=job(age=LIMITS.total), pod_refused=message))
    assert overdue.fail is not None


@pytest.mark.parametrize(
    "message",
    [
        'Error creating: admission webhook "policy.example" denied the request: no',
        "Error creating: pods \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
        'Error creating: Pod "a" is invalid: spec.containers[0].image: Required value',
    ],
)
def test_a_pod_that_is_refused_ends_its_job_at_once(message: str) -> None:
    verdict = decide(snapshot(job=job(), pod_refused=message))
    assert verdict.fail is not None
    assert verdict.fail.error.classification is Classification.INTERNAL
