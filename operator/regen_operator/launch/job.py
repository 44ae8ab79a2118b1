"""The batch/v1 Job of a claimed job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regen_core.canonical import canonical_json, sha256_hex
from regen_core.names import (
    ANNOTATION_JOB_ID,
    ANNOTATION_SPEC_HASH,
    LABEL_JOB_ID,
    LABEL_MANAGED_BY,
    LABEL_TYPE,
    MANAGED_BY,
    job_name,
    label_value,
)
from regen_operator.launch.pod import build_pod_spec

if TYPE_CHECKING:
    from regen_operator.launch.classes import Classes, ExecutorClass
    from regen_operator.launch.order import JobOrder

Json = dict[str, Any]


def build_job(order: JobOrder, classes: Classes, executor_class: ExecutorClass) -> Json:
    """The Job's manifest. The spec hash covers the spec that is sent, without the API server's defaults."""
    runner = classes.runner
    deadline = classes.active_deadline(executor_class, order.pending_seconds)
    labels = job_labels(order.job_id, order.type)
    spec: Json = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        # A pod counts as failed only after it has ended, so a replacement never runs beside it.
        "podReplacementPolicy": "Failed",
        # A disruption ends the run. Ignore would let a second pod follow.
        "podFailurePolicy": {
            "rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "activeDeadlineSeconds": deadline,
        "ttlSecondsAfterFinished": runner.ttl_seconds_after_finished,
        "template": {
            "metadata": {"labels": labels, "annotations": {ANNOTATION_JOB_ID: order.job_id}},
            "spec": build_pod_spec(order, runner, executor_class, deadline),
        },
    }
    annotations = {ANNOTATION_JOB_ID: order.job_id, ANNOTATION_SPEC_HASH: sha256_hex(canonical_json(spec))}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(order.job_id),
            "namespace": order.namespace,
            "labels": labels,
            "annotations": annotations,
        },
        "spec": spec,
    }


def job_labels(job_id: str, job_type: str) -> dict[str, str]:
    """The labels of the Job and of its pods."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_JOB_ID: label_value(job_id), LABEL_TYPE: job_type}
