"""What the Job controller does next, as a function of a Job, its pods and the time.

After ``pkg/controller/job/job_controller.go`` of Kubernetes 1.31 and later: a failure first sets ``FailureTarget``, success
first sets ``SuccessCriteriaMet``; ``Failed`` and ``Complete`` follow when no pod is left that could still run.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from kubelite.cluster import condition_holds, is_terminal
from kubelite.emulated import job_not_emulated
from kubelite.failure_policy import is_ignored, job_failing_rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubelite.resources import Object

FINALIZER: Final = "batch.kubernetes.io/job-tracking"
BACKOFF_SECONDS: Final = 10.0
"""The pause before the replacement of a failed pod; doubles with each failure."""
MAX_BACKOFF_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step.

    Attributes:
        status: the Job's next status.
        create: how many pods to make.
        delete: pods to delete gracefully.
        release: pods whose tracking finalizer goes.
        again: seconds after which to look again though nothing happened; None: no need.
        remove: whether the Job's time to live has ended.
    """

    status: dict[str, Any]
    create: int = 0
    delete: tuple[Object, ...] = ()
    release: tuple[Object, ...] = ()
    again: float | None = None
    remove: bool = False


@dataclass(frozen=True, slots=True)
class _Pods:
    active: tuple[Object, ...]
    terminating: tuple[Object, ...]
    succeeded: tuple[Object, ...]
    failed: tuple[Object, ...]
    all: tuple[Object, ...]

    @property
    def alive(self) -> int:
        return len(self.active) + len(self.terminating)


def timestamp(moment: datetime) -> str:
    """The time as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_finished(job: Object) -> bool:
    """Whether the Job is Complete or Failed."""
    return condition_holds(job, "Complete") or condition_holds(job, "Failed")


def plan(job: Object, pods: Sequence[Object], started: datetime | None, now: datetime) -> Plan:
    """What to do about ``job`` at ``now``.

    Args:
        job: the Job, as the API has it.
        pods: the pods that it owns.
        started: when it started, to the fraction of a second; ``status.startTime`` has whole seconds only.
        now: the time.
    """
    status: dict[str, Any] = copy.deepcopy(job.get("status") or {})
    if is_finished(job):
        return _finished(job, status, pods, now)
    if "deletionTimestamp" in job["metadata"]:
        return Plan(status, release=_tracked(pods))
    refused = job_not_emulated(job)
    if refused is not None:
        _set(status, "FailureTarget", "NotEmulated", f"kubelite: {refused}", now)
        _set(status, "Failed", "NotEmulated", f"kubelite: {refused}", now)
        return Plan(status)
    groups = _grouped(job, pods)
    failure = job_failing_rule(job, groups.failed)
    counted = _count(job, status, groups)
    _account(status, groups)
    if _suspend(job, status, now):
        return Plan(status, delete=groups.active, release=counted)
    begun = started or now
    status.setdefault("startTime", timestamp(begun))
    _judge(job, status, groups, failure, begun=begun, now=now)
    return _act(job, status, groups, counted, begun=begun, now=now)


def _finished(job: Object, status: dict[str, Any], pods: Sequence[Object], now: datetime) -> Plan:
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None or "deletionTimestamp" in job["metadata"]:
        return Plan(status, release=_tracked(pods))
    ends = next(entry for entry in status["conditions"] if entry["type"] in {"Complete", "Failed"})["lastTransitionTime"]
    left = (datetime.fromisoformat(ends) + timedelta(seconds=seconds) - now).total_seconds()
    return Plan(status, release=_tracked(pods), again=left if left > 0 else None, remove=left <= 0)


def _tracked(pods: Sequence[Object]) -> tuple[Object, ...]:
    return tuple(pod for pod in pods if FINALIZER in (pod["metadata"].get("finalizers") or ()))


def _grouped(job: Object, pods: Sequence[Object]) -> _Pods:
    """The pods by their fate. Only pods with the finalizer are counted as ended: the others were counted before."""
    waits = job["spec"].get("podReplacementPolicy") == "Failed"
    deleted = [pod for pod in pods if "deletionTimestamp" in pod["metadata"] and not is_terminal(pod)]
    tracked = _tracked(pods)
    ended = [pod for pod in tracked if is_terminal(pod)]
    return _Pods(
        active=tuple(pod for pod in pods if not is_terminal(pod) and "deletionTimestamp" not in pod["metadata"]),
        terminating=tuple(deleted),
        succeeded=tuple(pod for pod in ended if pod["status"]["phase"] == "Succeeded"),
        failed=(
            *(pod for pod in ended if pod["status"]["phase"] == "Failed"),
            *(() if waits else (pod for pod in deleted if pod in tracked)),
        ),
        all=tuple(pods),
    )


def _count(job: Object, status: dict[str, Any], groups: _Pods) -> tuple[Object, ...]:
    """Adds what ended to the counters; the pods whose finalizer may go therefore."""
    ignored = [pod for pod in groups.failed if is_ignored(job, pod)]
    succeeded = status.get("succeeded", 0) + len(groups.succeeded)
    failed = status.get("failed", 0) + len(groups.failed) - len(ignored)
    status |= ({"succeeded": succeeded} if succeeded else {}) | ({"failed": failed} if failed else {})
    return (*groups.succeeded, *groups.failed)


def _account(status: dict[str, Any], groups: _Pods) -> None:
    """The numbers of a Job that still runs."""
    status.pop("active", None)
    if groups.active:
        status["active"] = len(groups.active)
    status["ready"] = sum(condition_holds(pod, "Ready") for pod in groups.active)
    status["terminating"] = len(groups.terminating)
    status["uncountedTerminatedPods"] = {}


def _suspend(job: Object, status: dict[str, Any], now: datetime) -> bool:
    """Whether the Job is suspended; keeps the condition."""
    if job["spec"].get("suspend"):
        _set(status, "Suspended", "JobSuspended", "Job suspended", now)
        status.pop("startTime", None)
        return True
    if any(entry["type"] == "Suspended" and entry["status"] == "True" for entry in status.get("conditions") or ()):
        _set(status, "Suspended", "JobResumed", "Job resumed", now, holds=False)
    return False


def _judge(
    job: Object, status: dict[str, Any], groups: _Pods, failure: tuple[str, str] | None, *, begun: datetime, now: datetime
) -> None:
    """Sets ``FailureTarget`` or ``SuccessCriteriaMet`` where the time has come; the first that speaks wins."""
    if _holds(status, "FailureTarget") or _holds(status, "SuccessCriteriaMet"):
        return
    spec = job["spec"]
    deadline = spec.get("activeDeadlineSeconds")
    if failure is not None:
        _set(status, "FailureTarget", *failure, now)
    elif status.get("failed", 0) > spec.get("backoffLimit", 6) and groups.failed:
        _set(status, "FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit", now)
    elif deadline is not None and now >= begun + timedelta(seconds=deadline):
        _set(status, "FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline", now)
    elif _is_success(job, status, groups):
        _set(status, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods", now)


def _is_success(job: Object, status: Mapping[str, Any], groups: _Pods) -> bool:
    succeeded = status.get("succeeded", 0)
    completions = job["spec"].get("completions")
    if completions is None:
        return succeeded > 0 and not groups.active
    return bool(succeeded >= completions)


def _act(
    job: Object, status: dict[str, Any], groups: _Pods, counted: tuple[Object, ...], *, begun: datetime, now: datetime
) -> Plan:
    for first, then in (("FailureTarget", "Failed"), ("SuccessCriteriaMet", "Complete")):
        if _holds(status, first):
            # in a step of its own, so that watches see the first condition before the second
            if _holds(job.get("status") or {}, first) and not groups.alive:
                _copy(status, first, then, now)
            return Plan(status, delete=groups.active, release=counted)
    wanted = _wanted(job, status, groups)
    surplus = groups.active[wanted:] if len(groups.active) > wanted else ()
    missing = max(0, wanted - len(groups.active) - _blocking(job, groups))
    pause = _pause(status, groups, now) if missing else 0.0
    waits = [pause] if pause > 0 else []
    if job["spec"].get("activeDeadlineSeconds") is not None:
        ends = begun + timedelta(seconds=job["spec"]["activeDeadlineSeconds"])
        waits.append((ends - now).total_seconds())
    return Plan(status, 0 if pause > 0 else missing, surplus, counted, min(waits, default=None))


def _wanted(job: Object, status: Mapping[str, Any], groups: _Pods) -> int:
    spec = job["spec"]
    parallelism, completions, succeeded = spec.get("parallelism", 1), spec.get("completions"), status.get("succeeded", 0)
    if completions is None:
        return len(groups.active) if succeeded else int(parallelism)
    return int(max(0, min(parallelism, completions - succeeded)))


def _blocking(job: Object, groups: _Pods) -> int:
    return len(groups.terminating) if job["spec"].get("podReplacementPolicy") == "Failed" else 0


def _pause(status: Mapping[str, Any], groups: _Pods, now: datetime) -> float:
    """Seconds until a failed pod may be replaced: 10 s, doubled with each failure."""
    ends = [entry for pod in groups.all if pod.get("status", {}).get("phase") == "Failed" for entry in _end_times(pod)]
    failed = status.get("failed", 0)
    if not failed or not ends:
        return 0.0
    pause = min(BACKOFF_SECONDS * 2 ** (failed - 1), MAX_BACKOFF_SECONDS)
    return (max(ends) + timedelta(seconds=pause) - now).total_seconds()


def _end_times(pod: Object) -> list[datetime]:
    states = [entry.get("state", {}).get("terminated") for entry in (pod.get("status") or {}).get("containerStatuses") or ()]
    return [datetime.fromisoformat(state["finishedAt"]) for state in states if state and state.get("finishedAt")]


def _holds(status: Mapping[str, Any], kind: str) -> bool:
    return any(entry["type"] == kind and entry["status"] == "True" for entry in status.get("conditions") or ())


def _set(status: dict[str, Any], kind: str, reason: str, message: str, now: datetime, *, holds: bool = True) -> None:
    conditions: list[dict[str, Any]] = status.setdefault("conditions", [])
    old = next((entry for entry in conditions if entry["type"] == kind), None)
    if old is not None and old["status"] == str(holds):
        return
    fresh = {"type": kind, "status": str(holds), "reason": reason, "message": message}
    fresh |= {"lastProbeTime": timestamp(now), "lastTransitionTime": timestamp(now)}
    status["conditions"] = [entry for entry in conditions if entry["type"] != kind] + [fresh]


def _copy(status: dict[str, Any], first: str, then: str, now: datetime) -> None:
    """The terminal condition, with the words of the one that announced it."""
    source = next(entry for entry in status["conditions"] if entry["type"] == first)
    _set(status, then, source["reason"], source["message"], now)
    if then == "Complete":
        status["completionTime"] = timestamp(now)
