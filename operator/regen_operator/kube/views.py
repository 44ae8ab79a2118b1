"""Jobs and pods as frozen values, and the job failure that their state means (docs/state-machine.md). No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from regen_core.errors import Classification, JobError
from regen_core.names import (
    ANNOTATION_JOB_ID,
    CONTAINER_EXECUTE,
    LABEL_JOB_ID,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    label_value,
)
from regen_operator.reasons import StartReason

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_BY_SIGNAL: Final = 128
"""Exit statuses from here on are 128 plus the number of the signal that ended the container's process."""
OOM_KILLED: Final = "OOMKilled"
NEVER_STARTS: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Waiting reasons that never pass; ``CreateContainerConfigError`` does not if its message names a Secret or ConfigMap."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A batch/v1 Job. ``conditions`` maps each type that is True to (reason, message)."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    created_at: datetime
    suspended: bool
    deleting: bool
    conditions: Mapping[str, tuple[str, str]]

    @property
    def failure(self) -> tuple[str, str] | None:
        """(reason, message) of a Job that has failed or is about to be marked as failed."""
        return self.conditions.get("Failed") or self.conditions.get("FailureTarget")

    @property
    def is_complete(self) -> bool:
        """Whether the Job controller counted its pod as succeeded."""
        return "Complete" in self.conditions

    @property
    def is_finished(self) -> bool:
        """Whether the Job controller has finished it."""
        return self.is_complete or "Failed" in self.conditions

    def is_ours(self, job_id: str) -> bool:
        """Whether regen created it, for this job."""
        return (
            self.labels.get(LABEL_MANAGED_BY) == MANAGED_BY
            and self.labels.get(LABEL_JOB_ID) == label_value(job_id)
            and self.annotations.get(ANNOTATION_JOB_ID) == job_id
        )


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container's status. ``waiting`` and ``terminated`` are the reasons of those states, None outside them."""

    name: str
    waiting: str | None = None
    terminated: str | None = None
    exit_code: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod.

    ``deletion_at`` is its ``deletionTimestamp``: the deletion's request plus the grace period.
    """

    name: str
    uid: str
    phase: str
    created_at: datetime | None = None
    node: str | None = None
    reason: str = ""
    message: str = ""
    deletion_at: datetime | None = None
    disruption: tuple[str, str] | None = None
    unschedulable: str | None = None
    containers: tuple[ContainerView, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether every container has ended and none will be restarted."""
        return self.phase in {"Succeeded", "Failed"}

    @property
    def is_stuck(self) -> bool:
        """Whether ``publish`` will never start although the pod has not ended.

        If the kernel kills only the executor, its supervisor exits 0. The kubelet reports the container as OOMKilled and failed

        but derives the pod's phase from the exit status and leaves it Pending (seen with 1.36 on cgroup v1).
        """
        return any(one.name == CONTAINER_EXECUTE and one.terminated == OOM_KILLED for one in self.containers)


def job_view(body: Mapping[str, Any]) -> JobView:
    """The view of a Job's JSON."""
    metadata, status = body["metadata"], body.get("status") or {}
    return JobView(
        name=metadata["name"],
        uid=metadata["uid"],
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        created_at=moment(metadata["creationTimestamp"]),
        suspended=bool((body.get("spec") or {}).get("suspend")),
        deleting="deletionTimestamp" in metadata,
        conditions=_conditions(status),
    )


def pod_view(body: Mapping[str, Any]) -> PodView:
    """The view of a pod's JSON."""
    metadata, status = body["metadata"], body.get("status") or {}
    conditions = _conditions(status)
    created, deletion = metadata.get("creationTimestamp"), metadata.get("deletionTimestamp")
    return PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        phase=status.get("phase") or "Pending",
        created_at=moment(created) if created else None,
        node=(body.get("spec") or {}).get("nodeName"),
        reason=clean(status.get("reason")),
        message=clean(status.get("message")),
        deletion_at=moment(deletion) if deletion else None,
        disruption=conditions.get("DisruptionTarget"),
        unschedulable=_unschedulable(status),
        containers=tuple(
            _container(entry)
            for entry in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        ),
    )


def clean(text: object, limit: int = 1000) -> str:
    """Text that PostgreSQL can store: without NUL and lone surrogates, cut at ``limit`` characters."""
    return str(text or "").encode("utf-8", "replace").decode().replace("\0", "�")[:limit].strip()


def moment(text: str) -> datetime:
    """A Kubernetes timestamp as UTC without a zone, like the database's."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def never_starts(pod: PodView) -> JobError | None:
    """The failure of a pod that can never start, before its fence is taken."""
    for container in pod.containers:
        secret_missing = container.waiting == "CreateContainerConfigError" and (
            "secret" in container.message.lower() or "configmap" in container.message.lower()
        )
        if container.waiting in NEVER_STARTS or secret_missing:
            message = f"container {container.name} cannot start: {container.waiting}: {container.message}"
            return JobError(Classification.INTERNAL, message.rstrip(": "), detail={"reason": container.waiting})
    return None


def waiting_for(pod: PodView | None, refused: str | None) -> tuple[str, str]:
    """Why a launched job has not started: (reason, message). Both states of a failing image pull have one reason."""
    if pod is None:
        return (StartReason.POD_REFUSED, refused) if refused else (StartReason.STARTING, "the pod is being created")
    if pod.unschedulable is not None:
        return StartReason.UNSCHEDULABLE, pod.unschedulable
    for container in pod.containers:
        if container.waiting in {"ErrImagePull", "ImagePullBackOff"}:
            return StartReason.IMAGE_PULL, container.message or "the image cannot be pulled"
        if container.waiting not in {None, "PodInitializing", "ContainerCreating"}:
            return container.waiting or "", container.message
    return StartReason.STARTING, "the pod is starting"


def why_it_never_started(job: JobView | None, pod: PodView | None, *, deleted_by_user: bool) -> JobError:
    """The failure of a run whose fence was never taken."""
    if deleted_by_user and not (pod and pod.disruption):
        return _cancelled("the Job was deleted before the pod started")
    if job is not None and job.suspended:
        return _cancelled("the Job was suspended; regen does not resume suspended Jobs")
    if pod is not None and (out_of_memory := _out_of_memory(pod)) is not None:
        return out_of_memory
    if job is not None and job.is_complete:
        return JobError(Classification.INTERNAL, "the pod succeeded without taking the fence")
    cause = _cause(job, pod)
    return JobError(Classification.LOST, f"the pod did not start the job: {cause}", retryable=True, detail=_detail(job, pod))


def why_it_died(job: JobView | None, pod: PodView | None, *, deleted_by_user: bool) -> JobError:  # noqa: PLR0911 - a table
    """The failure of a run whose fence was taken: the first matching line of the table in docs/state-machine.md."""
    detail = _detail(job, pod)
    if pod is not None and (out_of_resources := _out_of_memory(pod) or _evicted_for_storage(pod)) is not None:
        return out_of_resources
    if job is not None and job.failure is not None and job.failure[0] == "DeadlineExceeded":
        return JobError(Classification.TIMEOUT, "the job ran longer than its time limit", detail=detail)
    if pod is not None and pod.disruption is not None:
        reason, message = pod.disruption
        return JobError(Classification.LOST, f"the pod was disrupted: {reason}: {message}", retryable=True, detail=detail)
    if job is not None and job.suspended:
        return _cancelled("the Job was suspended; regen does not resume suspended Jobs")
    if deleted_by_user:
        return _cancelled("the Job was deleted")
    failed = None if pod is None else _failed_container(pod)
    if pod is not None and failed is not None:
        # Deleting a pod signals its containers, so such an exit status says nothing about the executor.
        if pod.deletion_at is not None and (failed.exit_code or 0) >= EXIT_BY_SIGNAL:
            return JobError(Classification.LOST, "the pod was deleted while it ran", retryable=True, detail=detail)
        return _exit(failed, detail)
    if (job is not None and job.is_complete) or (pod is not None and pod.phase == "Succeeded"):
        return JobError(Classification.INTERNAL, "the pod succeeded without a report", detail=detail)
    return JobError(Classification.LOST, f"the pod disappeared: {_cause(job, pod)}", retryable=True, detail=detail)


def _exit(container: ContainerView, detail: dict[str, Any]) -> JobError:
    what = f"container {container.name} exited with status {container.exit_code}"
    message = f"{what}: {container.message}" if container.message else what
    if container.name == CONTAINER_EXECUTE:
        return JobError(Classification.EXECUTOR, f"{message} without a result", detail=detail)
    # prepare and publish exit so only if the database or the store is unreachable.
    return JobError(Classification.LOST, message, retryable=True, detail=detail)


def _out_of_memory(pod: PodView) -> JobError | None:
    for container in pod.containers:
        if container.terminated == OOM_KILLED:
            message = f"container {container.name} exceeded its memory limit"
            return JobError(Classification.RESOURCES, message, detail={"reason": OOM_KILLED, "podName": pod.name})
    return None


def _evicted_for_storage(pod: PodView) -> JobError | None:
    """An eviction for the pod's own storage use. An eviction under node pressure carries ``DisruptionTarget``."""
    if pod.reason != "Evicted" or pod.disruption is not None:
        return None
    message = f"the pod was evicted: {pod.message}"
    return JobError(Classification.RESOURCES, message, detail={"reason": "Evicted", "podName": pod.name})


def _failed_container(pod: PodView) -> ContainerView | None:
    return next((one for one in pod.containers if one.exit_code not in {None, 0}), None)


def _cancelled(message: str) -> JobError:
    return JobError(Classification.CANCELLED, message)


def _cause(job: JobView | None, pod: PodView | None) -> str:
    if job is not None and job.failure is not None:
        reason = ": ".join(part for part in job.failure if part)
    else:
        reason = "the Job is missing" if job is None else "the Job was active (pod evicted, deleted, or its node was lost)"
    if pod is None:
        return reason
    if (failed := _failed_container(pod)) is not None:
        return f"{reason}; container {failed.name} exited with status {failed.exit_code} {failed.message}".rstrip()
    return f"{reason}; {waiting_for(pod, None)[0] if not pod.has_ended else pod.reason or pod.phase}"


def _detail(job: JobView | None, pod: PodView | None) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if job is not None and job.failure is not None:
        detail["jobReason"] = job.failure[0]
    if pod is not None:
        detail["podName"] = pod.name
        detail |= {"node": pod.node} if pod.node else {}
        failed = _failed_container(pod)
        detail |= {"container": failed.name, "exitCode": failed.exit_code} if failed is not None else {}
    return detail


def _conditions(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        entry["type"]: (clean(entry.get("reason")), clean(entry.get("message")))
        for entry in status.get("conditions") or []
        if entry.get("status") == "True"
    }


def _unschedulable(status: Mapping[str, Any]) -> str | None:
    for entry in status.get("conditions") or []:
        if entry["type"] == "PodScheduled" and entry.get("status") == "False":
            return clean(entry.get("message") or entry.get("reason") or "no node fits")
    return None


def _container(entry: Mapping[str, Any]) -> ContainerView:
    state = entry.get("state") or {}
    waiting, terminated = state.get("waiting"), state.get("terminated")
    message = clean((terminated or waiting or {}).get("message"))
    return ContainerView(
        name=entry["name"],
        waiting=None if waiting is None else clean(waiting.get("reason") or "Waiting"),
        terminated=None if terminated is None else clean(terminated.get("reason") or "Terminated"),
        exit_code=None if terminated is None else terminated.get("exitCode"),
        message=message,
    )
