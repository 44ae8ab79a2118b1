"""The Job controller: carries out what ``job_status.plan`` says, whenever a Job or one of its pods changes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kubelite.cluster import JOBS, PODS, Refused, key_of, uid_of
from kubelite.job_status import FINALIZER, Plan, plan
from kubelite.recorder import record

if TYPE_CHECKING:
    from kubelite.cluster import Cluster
    from kubelite.resources import Object

COMPONENT: Final = "job-controller"
CREATE_RETRY_SECONDS: Final = 1.0
_DELETED: Final = "DELETED"
_BASE_LENGTH: Final = 57  # the API adds five characters to a generated name and a label holds 63


class JobController:
    """Makes, counts and deletes the pods of Jobs. ``see_…`` take the changes; ``sync`` must follow a batch of them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._jobs: dict[str, tuple[str, str]] = {}
        self._pods: defaultdict[str, dict[str, Object]] = defaultdict(dict)
        self._started: dict[str, datetime] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._dirty: dict[str, None] = {}

    def see_job(self, kind: str, job: Object) -> None:
        """Takes down one change of a Job."""
        uid = uid_of(job)
        if kind == _DELETED:
            self._jobs.pop(uid, None)
        else:
            self._jobs[uid] = key_of(job)
        self._dirty[uid] = None

    def see_pod(self, kind: str, pod: Object) -> None:
        """Takes down one change of a pod; pods that no Job owns are none of ours."""
        owner = owner_uid(pod)
        if owner is None:
            return
        if kind == _DELETED:
            self._pods[owner].pop(uid_of(pod), None)
        else:
            self._pods[owner][uid_of(pod)] = pod
        self._dirty[owner] = None

    def sync(self) -> None:
        """Does what is due for every Job that changed."""
        while self._dirty:
            uid, _ = self._dirty.popitem()
            self._sync(uid)

    def stop(self) -> None:
        """Cancels every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _sync(self, uid: str) -> None:
        timer = self._timers.pop(uid, None)
        if timer is not None:
            timer.cancel()
        job = self._cluster.get(JOBS, *self._jobs[uid]) if uid in self._jobs else None
        if job is None or uid_of(job) != uid:
            self._let_go(uid)
            return
        now = datetime.now(UTC)
        step = plan(job, list(self._pods[uid].values()), self._started.get(uid), now)
        if "startTime" not in step.status:
            self._started.pop(uid, None)
        elif uid not in self._started:
            self._started[uid] = _start_time(job, now)
        self._carry_out(job, step)

    def _let_go(self, uid: str) -> None:
        """The Job is gone: its pods are the garbage collector's, only our finalizer must not hold them."""
        self._started.pop(uid, None)
        for pod in list(self._pods[uid].values()):
            self._release(uid, pod)
        if not self._pods[uid]:
            del self._pods[uid]

    def _carry_out(self, job: Object, step: Plan) -> None:
        uid = uid_of(job)
        if step.status != (job.get("status") or {}):
            self._cluster.change(JOBS, job, lambda current: current.update(status=step.status), subresource="status")
        for pod in step.release:
            self._release(uid, pod)
        for pod in step.delete:
            self._cluster.delete(PODS, pod)
        again = step.again
        if sum(self._create(job) for _ in range(step.create)) < step.create:
            again = min(CREATE_RETRY_SECONDS, again if again is not None else CREATE_RETRY_SECONDS)
        if step.remove:
            self._cluster.delete(JOBS, job, propagation="Foreground")
        elif again is not None:
            self._timers[uid] = asyncio.get_running_loop().call_later(max(0.0, again), self._wake, uid)

    def _wake(self, uid: str) -> None:
        self._timers.pop(uid, None)
        self._dirty[uid] = None
        self.sync()

    def _release(self, uid: str, pod: Object) -> None:
        """Takes our finalizer off the pod; what we know of the pod is what the API answered."""
        if FINALIZER not in (pod["metadata"].get("finalizers") or ()):
            return

        def change(current: Object) -> None:
            kept = [name for name in current["metadata"].get("finalizers") or () if name != FINALIZER]
            current["metadata"]["finalizers"] = kept

        changed = self._cluster.change(PODS, pod, change)
        if changed is not None and uid_of(pod) in self._pods[uid]:
            self._pods[uid][uid_of(pod)] = changed

    def _create(self, job: Object) -> bool:
        """Makes a pod of the Job; whether the API took it."""
        try:
            pod = self._cluster.create(PODS, pod_of(job))
        except Refused as error:
            record(self._cluster, job, COMPONENT, "FailedCreate", f"Error creating: {error}")
            return False
        self._pods[uid_of(job)][uid_of(pod)] = pod
        record(self._cluster, job, COMPONENT, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", warning=False)
        return True


def owner_uid(pod: Object) -> str | None:
    """The uid of the Job that controls the pod."""
    for reference in pod["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and reference["kind"] == "Job":
            return str(reference["uid"])
    return None


def pod_of(job: Object) -> Object:
    """A new pod of ``job``: the template, an owner, the tracking finalizer and the labels that name the Job."""
    meta, template = job["metadata"], job["spec"]["template"]
    name, uid = meta["name"], meta["uid"]
    labels = {"batch.kubernetes.io/job-name": name, "job-name": name}
    labels |= {"batch.kubernetes.io/controller-uid": uid, "controller-uid": uid}
    own = template.get("metadata") or {}
    pod_meta = {
        "generateName": f"{name[:_BASE_LENGTH]}-",
        "namespace": meta["namespace"],
        "labels": {**(own.get("labels") or {}), **labels},
        "annotations": dict(own.get("annotations") or {}),
        "finalizers": [FINALIZER, *(own.get("finalizers") or ())],
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": name,
                "uid": uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": template["spec"]}


def _start_time(job: Object, now: datetime) -> datetime:
    """When the Job started: now, unless its status already said so when we first saw it."""
    said = (job.get("status") or {}).get("startTime")
    return datetime.fromisoformat(said) if said else now
