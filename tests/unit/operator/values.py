"""Values that the operator's unit tests share: rows, Jobs, pods and snapshots with one fault each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from regen_core.names import job_name
from regen_core.states import JobStatus
from regen_operator.kube.views import ContainerView, JobView, PodView
from regen_operator.launch.classes import Classes, parse_classes
from regen_operator.launch.job import job_labels
from regen_operator.recover.snapshot import Limits, Snapshot
from regen_operator.rows.values import JobRow, RunRow

NOW = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - the database's form: UTC without a zone
LIMITS = Limits(pending=300.0, active=900.0, grace=30.0)
POD_UID = "pod-uid"
RUN = RunRow(POD_UID, "regen-a-x1", NOW - timedelta(seconds=50))


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def row(status: str = "RUNNING", *, claimed: float = 60.0, ended: float = 0.0, **more: Any) -> JobRow:
    status = JobStatus(status)
    values: dict[str, Any] = {"id": "a", "type": "document", "status": status, "created_at": ago(claimed + 1)}
    if status is not JobStatus.PENDING:
        values["locked_at"] = ago(claimed)
    if status.is_terminal:
        values["completed_at"] = ago(ended)
    if status is JobStatus.COMPLETED:
        values["output_ref"] = "s3://b/document/a/manifest.json"
    if status is JobStatus.FAILED:
        values["error"] = {"classification": "lost", "message": "gone", "retryable": True}
    return JobRow(**(values | more))


def job(*, age: float = 59.0, conditions: dict[str, tuple[str, str]] | None = None, **more: Any) -> JobView:
    values: dict[str, Any] = {
        "name": job_name("a"),
        "uid": "job-uid",
        "labels": job_labels("a", "document"),
        "annotations": {"regeneration.dev/job-id": "a"},
        "created_at": ago(age),
        "suspended": False,
        "deleting": False,
        "conditions": conditions or {},
    }
    return JobView(**(values | more))


def failed_job(reason: str = "BackoffLimitExceeded", **more: Any) -> JobView:
    return job(conditions={"Failed": (reason, "")}, **more)


def pod(phase: str = "Running", *containers: ContainerView, **more: Any) -> PodView:
    return PodView(name=RUN.pod_name, uid=POD_UID, phase=phase, containers=containers, **more)


def snapshot(given: JobRow | None = None, **more: Any) -> Snapshot:
    values: dict[str, Any] = {"run": None, "now": NOW, "api_now": NOW, "limits": LIMITS}
    return Snapshot(row=given or row(), **(values | more))


def classes(**more: Any) -> Classes:
    return parse_classes(
        {
            "runner": {
                "image": "runner:1",
                "outputUrl": "s3://regen/outputs",
                "databaseSecret": {"name": "db", "key": "url"},
                "storeSecret": "store",
            },
            "classes": {"document": {"timeLimitSeconds": 60, **more}},
        }
    )
