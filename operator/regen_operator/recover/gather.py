"""Reads Jobs and pods from the API server and combines each with its row into a snapshot.

A few jobs are read one by one. Many are read by lists of up to 100: one list of Jobs, one of pods, and at most one of the Job
controller's events. Lists select by label, so a Job that a list lacks is read by name: an object of another owner has the
name and not the labels.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from regen_core.names import LABEL_JOB_ID, LABEL_MANAGED_BY, MANAGED_BY, job_name, label_value
from regen_operator.kube.client import EVENTS, JOBS, PODS
from regen_operator.kube.errors import Forbidden, KubeError, NotFound
from regen_operator.kube.views import JobView, PodView, clean, job_view, pod_view
from regen_operator.recover.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from regen_operator.kube.client import Json, KubeClient
    from regen_operator.recover.snapshot import Limits
    from regen_operator.rows.values import JobFacts

NO_POD_SECONDS: Final = 5.0
"""After this time the Job controller's events are read for a Job without a pod."""
FEW: Final = 4
"""Up to this number, jobs are read one by one: a list makes the API server scan every object of the namespace."""
PORTION: Final = 100
"""Jobs in one list: their labels, 63 characters and an encoded comma each, keep the URL below 8 KiB."""


@dataclass(frozen=True, slots=True)
class Examination:
    """A job to examine: its row, already read, its deadlines, and whether its Job's deletion was seen."""

    facts: JobFacts
    limits: Limits
    deletion_seen: bool

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.facts.row.id


@dataclass(frozen=True, slots=True)
class Listed:
    """The objects of a portion of jobs, from lists.

    Attributes:
        jobs: by name, each with the API server's clock.
        pods: by their job-id label.
        refusals: the Job controller's last FailedCreate message by the Job's uid; None if events are read per Job.
    """

    jobs: Mapping[str, tuple[JobView, datetime | None]]
    pods: Mapping[str, Sequence[Json]]
    refusals: Mapping[str, str] | None = None


class Gatherer:
    """Never reads a cache: a stale one could relaunch a job that has run."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    async def gather(self, examinations: Sequence[Examination]) -> list[Snapshot | KubeError]:
        """The snapshot of each job in the given order, or the error of the API server."""
        portions = [examinations[start : start + PORTION] for start in range(0, len(examinations), PORTION)]
        gathered = await asyncio.gather(*(self._portion(portion) for portion in portions))
        return [one for portion in gathered for one in portion]

    async def _portion(self, examinations: Sequence[Examination]) -> list[Snapshot | KubeError]:
        try:
            listed = None if len(examinations) <= FEW else await self._listed(examinations)
        except KubeError as error:
            return [error] * len(examinations)
        return list(await asyncio.gather(*(self._guarded(examined, listed) for examined in examinations)))

    async def _guarded(self, examined: Examination, listed: Listed | None) -> Snapshot | KubeError:
        try:
            return await self._snapshot(examined, listed)
        except KubeError as error:
            return error

    async def _snapshot(self, examined: Examination, listed: Listed | None) -> Snapshot:
        facts = examined.facts
        job, now = await self._job(examined.job_id, listed)
        pod: PodView | None = None
        refused: str | None = None
        if facts.run is not None:
            pod = await self._pod(examined.job_id, facts.run.pod_name, facts.run.pod_uid, listed)
        elif job is not None and job.is_ours(examined.job_id):
            pod = await self._newest_pod(examined.job_id, listed)
            if pod is None and is_podless(job, now):
                refused = await self._refusal(job, listed)
        return Snapshot(
            row=facts.row,
            run=facts.run,
            now=facts.now,
            limits=examined.limits,
            job=job,
            pod=pod,
            api_now=now,
            deletion_seen=examined.deletion_seen,
            pod_refused=refused,
        )

    # -- lists ---------------------------------------------------------------------------------------------------------

    async def _listed(self, examinations: Sequence[Examination]) -> Listed:
        """Reads Jobs before pods, as for a single job, so a pod is never older than its Job."""
        labels = portion_labels([examined.job_id for examined in examinations])
        jobs: dict[str, tuple[JobView, datetime | None]] = {}
        async for page in self._kube.pages(JOBS, self._namespace, labels=labels):
            for body in page.body.get("items") or []:
                view = job_view(body)
                jobs[view.name] = view, page.now
        pods: dict[str, list[Json]] = defaultdict(list)
        async for page in self._kube.pages(PODS, self._namespace, labels=labels):
            for body in page.body.get("items") or []:
                pods[body["metadata"]["labels"][LABEL_JOB_ID]].append(body)
        starting = [
            examined.job_id
            for examined in examinations
            if examined.facts.run is None and label_value(examined.job_id) not in pods
        ]
        seen = [jobs[name] for name in map(job_name, starting) if name in jobs]
        podless = [job for job, now in seen if is_podless(job, now)]
        return Listed(jobs, pods, None if len(podless) <= FEW else await self._refusals())

    async def _refusals(self) -> dict[str, str]:
        """The Job controller's last FailedCreate message of each Job; empty if RBAC does not allow to read events."""
        try:
            return {
                event["involvedObject"]["uid"]: clean(event.get("message"))
                async for page in self._kube.pages(
                    EVENTS, self._namespace, fields="involvedObject.kind=Job,reason=FailedCreate"
                )
                for event in page.body.get("items") or []
            }
        except Forbidden:
            return {}

    # -- one job -------------------------------------------------------------------------------------------------------

    async def _job(self, job_id: str, listed: Listed | None) -> tuple[JobView | None, datetime | None]:
        if listed is not None and (found := listed.jobs.get(job_name(job_id))) is not None:
            return found
        try:
            answer = await self._kube.get(JOBS, self._namespace, job_name(job_id))
        except NotFound:
            return None, None
        return job_view(answer.body), answer.now

    async def _pod(self, job_id: str, name: str, uid: str, listed: Listed | None) -> PodView | None:
        """The pod that holds the fence."""
        for body in () if listed is None else listed.pods.get(label_value(job_id), ()):
            if body["metadata"]["uid"] == uid:
                return pod_view(body)
        try:
            pod = pod_view((await self._kube.get(PODS, self._namespace, name)).body)
        except NotFound:
            return None
        return pod if pod.uid == uid else None

    async def _newest_pod(self, job_id: str, listed: Listed | None) -> PodView | None:
        if listed is not None:
            bodies = listed.pods.get(label_value(job_id), ())
        else:
            bodies = [
                body
                async for page in self._kube.pages(PODS, self._namespace, labels=portion_labels([job_id]))
                for body in page.body.get("items") or []
            ]
        newest = max(bodies, key=lambda body: str(body["metadata"]["creationTimestamp"]), default=None)
        return None if newest is None else pod_view(newest)

    async def _refusal(self, job: JobView, listed: Listed | None) -> str | None:
        """The Job controller's last FailedCreate message; None if RBAC does not allow to read events."""
        if listed is not None and listed.refusals is not None:
            return listed.refusals.get(job.uid)
        try:
            messages = [
                clean(event.get("message"))
                async for page in self._kube.pages(EVENTS, self._namespace, fields=f"involvedObject.uid={job.uid}")
                for event in page.body.get("items") or []
                if event.get("reason") == "FailedCreate"
            ]
        except Forbidden:
            return None
        return messages[-1] if messages else None


def is_podless(job: JobView, now: datetime | None) -> bool:
    """Whether a Job without a pod should have one by now."""
    return now is not None and (now - job.created_at).total_seconds() > NO_POD_SECONDS and not job.is_finished


def portion_labels(job_ids: Sequence[str]) -> str:
    """The label selector of the objects of ``job_ids``."""
    return f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_JOB_ID} in ({','.join(map(label_value, job_ids))})"
