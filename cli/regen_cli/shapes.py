"""Serializers for ``-o json`` and ``-o yaml``. Keys are the database's column names; times are UTC, ISO 8601."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from regen_cli.printing import stamp
from regen_core.names import job_name

if TYPE_CHECKING:
    from regen_cli.jobs import JobLine, Waiting
    from regen_core.audit_chain import AuditRecord
    from regen_verify import JobRecord, Violation


def line_shape(line: JobLine) -> dict[str, Any]:
    """Serialize a job in a list."""
    return {
        "id": line.id,
        "type": line.type,
        "status": str(line.status),
        "priority": line.priority,
        "requestedBy": line.requested_by,
        "createdAt": stamp(line.created_at),
        "lockedAt": stamp(line.locked_at),
        "completedAt": stamp(line.completed_at),
        "classification": line.classification,
    }


def job_shape(job: JobRecord, waiting: Waiting | None) -> dict[str, Any]:
    """Serialize a job without its events."""
    fence = job.fence
    return {
        "id": job.id,
        "type": job.type,
        "status": str(job.status),
        "priority": job.priority,
        "requestedBy": job.requested_by,
        "retryOf": job.retry_of,
        "createdAt": stamp(job.created_at),
        "lockedAt": stamp(job.locked_at),
        "startedAt": stamp(fence.started_at) if fence else None,
        "completedAt": stamp(job.completed_at),
        "jobName": job_name(job.id),
        "podName": fence.pod_name if fence else None,
        "podUid": fence.pod_uid if fence else None,
        "outputRef": job.output_ref,
        "outputs": [output.as_json() for output in job.outputs],
        "error": job.error,
        "waiting": None
        if waiting is None
        else {
            "place": waiting.place,
            "running": waiting.running,
            "runningOfType": waiting.running_of_type,
            "runningOfRequester": waiting.running_of_requester,
        },
        "instruction": job.instruction,
    }


def event_shape(event: AuditRecord) -> dict[str, Any]:
    """Serialize an audit event."""
    return {
        "id": event.id,
        "event": event.event,
        "jobId": event.job_id,
        "status": event.status,
        "actor": event.actor,
        "at": stamp(event.at),
        "detail": json.loads(event.detail),
        "prevHash": event.prev_hash,
        "hash": event.hash,
    }


def violation_shape(violation: Violation) -> dict[str, Any]:
    """Serialize a violation."""
    return {
        "invariant": str(violation.invariant),
        "jobId": violation.job_id,
        "message": violation.message,
        "remedy": violation.remedy,
    }
