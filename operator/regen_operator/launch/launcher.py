"""Creates the Job of one claimed job. Repeatable until the fence is taken; never adopts an object that is not this job's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from regen_core.errors import Classification, JobError, NotOurs
from regen_core.names import ANNOTATION_SPEC_HASH
from regen_operator.kube.client import JOBS
from regen_operator.kube.errors import AlreadyExists, ApiUnavailable, Forbidden, NotFound, Unprocessable, is_temporary
from regen_operator.kube.views import job_view
from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder

if TYPE_CHECKING:
    from regen_operator.kube.client import Json, KubeClient
    from regen_operator.launch.classes import Classes
    from regen_operator.rows.values import JobRow

log = structlog.get_logger("regen.launcher")


class Launcher:
    """Creates Jobs in the runner namespace."""

    def __init__(self, kube: KubeClient, classes: Classes, *, namespace: str, pending_seconds: int) -> None:
        self._kube = kube
        self._classes = classes
        self._namespace = namespace
        self._pending_seconds = pending_seconds

    async def launch(self, row: JobRow) -> JobError | None:
        """Creates the job's Job unless it exists. Returns the error of a job that can never be launched, else None.

        Raises:
            KubeError: the API server is unavailable, or refuses for a temporary reason. The launch can be retried.
        """
        executor_class = self._classes.get(row.type)
        if executor_class is None or row.type is None:
            message = f"type {row.type!r} no longer has an executor class. Add it to the classes file, then retry the job."
            return JobError(Classification.INTERNAL, message)
        order = JobOrder(row.id, row.type, self._namespace, self._pending_seconds)
        body = build_job(order, self._classes, executor_class)
        try:
            await self._kube.create(JOBS, self._namespace, body)
        except AlreadyExists:
            return await self._check_existing(row, body)
        except Unprocessable as error:
            return _refused(error.message, error.reason)
        except Forbidden as error:
            if is_temporary(error.message):
                raise
            return _refused(error.message, error.reason)
        log.info("job launched", job_id=row.id, type=row.type, job=body["metadata"]["name"])
        return None

    async def _check_existing(self, row: JobRow, body: Json) -> JobError | None:
        name = body["metadata"]["name"]
        try:
            found = job_view((await self._kube.get(JOBS, self._namespace, name)).body)
        except NotFound as error:
            raise ApiUnavailable(f"Kubernetes API: Job {name} existed at its creation and is missing now") from error
        wanted = body["metadata"]["annotations"][ANNOTATION_SPEC_HASH]
        if found.is_ours(row.id) and found.annotations.get(ANNOTATION_SPEC_HASH) == wanted:
            log.info("job already launched", job_id=row.id, job=name)
            return None
        log.error("job name taken by another object", job_id=row.id, job=name, job_uid=found.uid)
        return not_this_jobs(name, found.uid)


def not_this_jobs(name: str, uid: str) -> JobError:
    """The error of a job whose Job's name is taken by an object that belongs to something else."""
    message = f"a Job named {name} exists that does not belong to this job. Delete or rename it, then retry the job."
    return NotOurs(message, jobUid=uid).as_job_error()


def _refused(message: str, reason: str) -> JobError:
    return JobError(Classification.INTERNAL, f"the API server refused the Job: {message}", detail={"reason": reason})
