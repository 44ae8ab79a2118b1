"""What does the operator make of a pod? docs/contract.md#instruction, line by line, from objects as the API gives them."""

from __future__ import annotations

from typing import Any

import pytest

from regen_core.errors import Classification, JobError
from regen_operator.kube.views import job_view, never_starts, pod_view, why_it_died, why_it_never_started

LOST, RESOURCES, TIMEOUT = Classification.LOST, Classification.RESOURCES, Classification.TIMEOUT
CANCELLED, EXECUTOR, INTERNAL = Classification.CANCELLED, Classification.EXECUTOR, Classification.INTERNAL


def a_job(*conditions: tuple[str, str], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "regen-a", "uid": "j", "creationTimestamp": "2026-01-02T03:04:05Z"},
        "spec": spec,
        "status": {"conditions": [{"type": kind, "status": "True", "reason": reason} for kind, reason in conditions]},
    }


def a_pod(phase: str = "Failed", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "uid": "u"}, "status": {"phase": phase, **status}}


def ended(name: str, code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}


def waiting(name: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}


DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
FAILED = a_job(("Failed", "BackoffLimitExceeded"))
OOM = a_pod(initContainerStatuses=[ended("execute", 137, "OOMKilled")])
FULL = a_pod(reason="Evicted", message='Usage of EmptyDir volume "out" exceeds the limit "1Gi".')
NODE_FULL = a_pod(reason="Evicted", message="The node was low on resource: ephemeral-storage.", conditions=[DISRUPTED])
DELETED = a_pod(initContainerStatuses=[ended("execute", 143)])
DELETED["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"

DEATHS: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, bool, Classification, bool]] = {
    "executor out of memory": (FAILED, OOM, False, RESOURCES, False),
    "out of memory as the deadline came": (a_job(("Failed", "DeadlineExceeded")), OOM, False, RESOURCES, False),
    "evicted for its own storage": (FAILED, FULL, False, RESOURCES, False),
    "evicted for the node's sake": (FAILED, NODE_FULL, False, LOST, True),
    "deadline": (a_job(("Failed", "DeadlineExceeded")), None, False, TIMEOUT, False),
    "deadline, not final yet": (a_job(("FailureTarget", "DeadlineExceeded")), None, False, TIMEOUT, False),
    "drained": (FAILED, a_pod(conditions=[DISRUPTED]), False, LOST, True),
    "drained, and its Job deleted": (None, a_pod(conditions=[DISRUPTED]), True, LOST, True),
    "its node went away": (a_job(), None, False, LOST, True),
    "its pod vanished": (FAILED, None, False, LOST, True),
    "its pod was deleted": (FAILED, DELETED, False, LOST, True),
    "Job deleted, seen": (None, None, True, CANCELLED, False),
    "Job deleted, not seen": (None, None, False, LOST, True),
    "suspended": (a_job(suspend=True), None, False, CANCELLED, False),
    "executor left no envelope": (FAILED, a_pod(initContainerStatuses=[ended("execute", 3)]), False, EXECUTOR, False),
    "publish could not report": (FAILED, a_pod(containerStatuses=[ended("publish", 1)]), False, LOST, True),
    "complete without a report": (a_job(("Complete", "")), a_pod("Succeeded"), False, INTERNAL, False),
}


@pytest.mark.parametrize("name", DEATHS)
def test_a_run_that_died(name: str) -> None:
    job, pod, deleted, classification, retryable = DEATHS[name]
    error = why_it_died(job_view(job) if job else None, pod_view(pod) if pod else None, deleted_by_user=deleted)
    assert (error.classification, error.retryable) == (classification, retryable)
    assert error.message


STARTS: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, bool, Classification, bool]] = {
    "deadline without a fence": (a_job(("Failed", "DeadlineExceeded")), None, False, LOST, True),
    "prepare could not reach the database": (FAILED, a_pod(initContainerStatuses=[ended("prepare", 1)]), False, LOST, True),
    "prepare out of memory": (
        FAILED,
        a_pod(initContainerStatuses=[ended("prepare", 137, "OOMKilled")]),
        False,
        RESOURCES,
        False,
    ),
    "emergency stop": (None, None, True, CANCELLED, False),
    "drained while its Job was deleted": (None, a_pod(conditions=[DISRUPTED]), True, LOST, True),
    "suspended": (a_job(suspend=True), None, False, CANCELLED, False),
    "complete without a fence": (a_job(("Complete", "")), a_pod("Succeeded"), False, INTERNAL, False),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_run_that_never_started(name: str) -> None:
    job, pod, deleted, classification, retryable = STARTS[name]
    error = why_it_never_started(job_view(job) if job else None, pod_view(pod) if pod else None, deleted_by_user=deleted)
    assert (error.classification, error.retryable) == (classification, retryable)


@pytest.mark.parametrize(
    ("status", "at_once"),
    [
        (waiting("prepare", "InvalidImageName"), True),
        (waiting("prepare", "ErrImageNeverPull"), True),
        (waiting("prepare", "CreateContainerConfigError", 'secret "regen-runner-database" not found'), True),
        (waiting("prepare", "CreateContainerConfigError", "failed to sync"), False),
        (waiting("prepare", "ErrImagePull"), False),
        (waiting("prepare", "ImagePullBackOff"), False),
        (waiting("prepare", "PodInitializing"), False),
    ],
)
def test_what_no_waiting_cures(status: dict[str, Any], at_once: bool) -> None:  # noqa: FBT001 - a table
    error = never_starts(pod_view(a_pod("Pending", initContainerStatuses=[status])))
    assert (error.classification if error else None) == (INTERNAL if at_once else None)


def test_text_that_the_database_cannot_hold_is_cleaned() -> None:
    dirty = ended("execute", 3, message="a\0b\ud800c" + "x" * 5000)
    error = why_it_died(job_view(FAILED), pod_view(a_pod(initContainerStatuses=[dirty])), deleted_by_user=False)
    assert isinstance(error, JobError)
    assert "\0" not in error.message
    assert len(error.message.encode()) < 2000
