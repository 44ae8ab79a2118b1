"""Makes the one Job of a claimed job. Safe to repeat until the fence is taken; someone else's object is never adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from regen_core.errors import Classification, JobError, NotOurs
from regen_core.names import ANNOTATION_SPEC_HASH
from regen_operator.kube.client import JOBS
from regen_operator.kube.errors import AlreadyExists, ApiUnavailable, Forbidden, NotFound, Unprocessable, is_temporary
from regen_operator.kube.views import job_view
from regen_operator.launch.manifests import JobOrder, build_job

if TYPE_CHECKING:
    from regen_operator.kube.client import Json, KubeClient
    from regen_operator.launch.classes import Classes
    from regen_operator.rows.values import JobRow

log = structlog.get_logger("regen.launcher")


class Launcher:
    """Launches jobs into the runner namespace."""

    def __init__(self, kube: KubeClient, classes: Classes, *, namespace: str, pending_seconds: int) -> None:
        self._kube = kube
        self._classes = classes
        self._namespace = namespace
        self._pending_seconds = pending_seconds

    async def launch(self, row: JobRow) -> JobError | None:
        """Makes sure that the job's Job exists. Returns why it never can, or None.

        Raises:
            KubeError: the API server could not be asked, or refuses for now; the same launch may be tried again.
        """
        executor_class = self._classes.get(row.type)
        if executor_class is None or row.type is None:
            return JobError(Classification.INTERNAL, f"type {row.type!r} has no executor class any more")
        order = JobOrder(row.id, row.type, self._namespace, self._pending_seconds)
        body = build_job(order, self._classes, executor_class)
        try:
            await self._kube.create(JOBS, self._namespace, body)
        except AlreadyExists:
            return await self._check_existing(row, body)
        except Unprocessable as error:
            return JobError(Classification.INTERNAL, f"its Job is refused: {error.message}", detail={"reason": error.reason})
        except Forbidden as error:
            if is_temporary(error.message):
                raise
            return JobError(Classification.INTERNAL, f"its Job is refused: {error.message}", detail={"reason": error.reason})
        log.info("job launched", job_id=row.id, type=row.type, job=body["metadata"]["name"])
        return None

    async def _check_existing(self, row: JobRow, body: Json) -> JobError | None:
        name = body["metadata"]["name"]
        try:
            found = job_view((await self._kube.get(JOBS, self._namespace, name)).body)
        except NotFound as error:
            raise ApiUnavailable(f"Kubernetes API: Job {name} was there and is gone; it will be made again") from error
        wanted = body["metadata"]["annotations"][ANNOTATION_SPEC_HASH]
        if found.is_ours(row.id) and found.annotations.get(ANNOTATION_SPEC_HASH) == wanted:
            log.info("job was launched before", job_id=row.id, job=name)
            return None
        log.error("a Job of our name is not ours", job_id=row.id, job=name, job_uid=found.uid)
        return NotOurs(f"a Job named {name} exists that is not this job's", jobUid=found.uid).as_job_error()
