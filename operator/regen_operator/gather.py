"""Reads what Kubernetes knows of a job, fresh from the API server, and freezes it with the row into a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regen_core.names import LABEL_JOB_ID, LABEL_MANAGED_BY, MANAGED_BY, job_name, label_value
from regen_operator.kube import EVENTS, JOBS, PODS
from regen_operator.kube_errors import Forbidden, NotFound
from regen_operator.observers import JobView, PodView, clean, job_view, pod_view
from regen_operator.snapshot import Snapshot

if TYPE_CHECKING:
    from datetime import datetime

    from regen_operator.kube import KubeClient
    from regen_operator.rows import JobFacts
    from regen_operator.snapshot import Limits

NO_POD_SECONDS: Final = 5.0
"""After so long a Job without a pod is asked why."""


class Gatherer:
    """Never reads a cache: a stale one would launch again what has run."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    async def gather(self, facts: JobFacts, limits: Limits, *, deletion_seen: bool) -> Snapshot:
        """The snapshot of one job. ``facts`` were read before.

        Raises:
            KubeError: the API server did not answer.
        """
        job, now = await self._job(facts.row.id)
        pod: PodView | None = None
        refused: str | None = None
        if facts.run is not None:
            pod = await self._pod(facts.run.pod_name, facts.run.pod_uid)
        elif job is not None and job.is_ours(facts.row.id):
            pod = await self._newest_pod(facts.row.id)
            old = now is not None and (now - job.created_at).total_seconds() > NO_POD_SECONDS
            if pod is None and old and not job.is_finished:
                refused = await self._refusal(job)
        return Snapshot(
            row=facts.row,
            run=facts.run,
            now=facts.now,
            limits=limits,
            job=job,
            pod=pod,
            api_now=now,
            deletion_seen=deletion_seen,
            pod_refused=refused,
        )

    async def _job(self, job_id: str) -> tuple[JobView | None, datetime | None]:
        try:
            answer = await self._kube.get(JOBS, self._namespace, job_name(job_id))
        except NotFound:
            return None, None
        return job_view(answer.body), answer.now

    async def _pod(self, name: str, uid: str) -> PodView | None:
        try:
            pod = pod_view((await self._kube.get(PODS, self._namespace, name)).body)
        except NotFound:
            return None
        return pod if pod.uid == uid else None

    async def _newest_pod(self, job_id: str) -> PodView | None:
        labels = f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_JOB_ID}={label_value(job_id)}"
        bodies = [
            body
            async for page in self._kube.pages(PODS, self._namespace, labels=labels)
            for body in page.body.get("items") or []
        ]
        newest = max(bodies, key=lambda body: str(body["metadata"]["creationTimestamp"]), default=None)
        return None if newest is None else pod_view(newest)

    async def _refusal(self, job: JobView) -> str | None:
        """What the Job controller last said of a pod that it could not make; None where we may not read events."""
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
