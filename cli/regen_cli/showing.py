"""``regen show`` and ``regen events``: show one job."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from regen_cli.choose import ApiUrlOption, open_jobs
from regen_cli.printing import (
    Format,
    FormatOption,
    duration,
    emit,
    fields,
    moment,
    printable,
    show_tables,
    size,
    status_text,
    table,
)
from regen_cli.shapes import event_shape, job_shape
from regen_core.names import job_name
from regen_core.states import JobStatus
from regen_verify.trail import is_repaired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from regen_cli.jobs import Waiting
    from regen_verify import JobRecord

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]


def show(job_id: JobArgument, *, output: FormatOption = Format.TABLE, api_url: ApiUrlOption = None) -> None:
    """Show a job, why it waits or failed, and its outputs."""
    with open_jobs(api_url) as jobs:
        job = jobs.find(job_id)
        waiting = jobs.waiting(job_id) if job.status is JobStatus.PENDING else None
    if output is Format.TABLE:
        render_job(job, waiting)
    else:
        emit(job_shape(job, waiting), output)


def events(job_id: JobArgument, *, output: FormatOption = Format.TABLE, api_url: ApiUrlOption = None) -> None:
    """Show a job's audit events, oldest first."""
    with open_jobs(api_url) as jobs:
        job = jobs.find(job_id)
    if output is not Format.TABLE:
        emit({"items": [event_shape(event) for event in job.events]}, output)
        return
    rows, previous = [], job.created_at
    for event in job.events:
        detail = json.dumps(json.loads(event.detail), ensure_ascii=False, sort_keys=True)
        late = " (repaired)" if is_repaired(event) else ""
        rows.append((moment(event.at), duration(event.at - previous), event.event + late, event.actor, detail))
        previous = event.at
    show_tables(table(("AT", "AFTER", "EVENT", "ACTOR", "DETAIL"), rows))


def render_job(job: JobRecord, waiting: Waiting | None) -> None:
    """Print the job for people."""
    rows = ((one.name, size(one.size_bytes), one.media_type, one.sha256) for one in job.outputs)
    outputs = [table(("OUTPUT", "SIZE", "MEDIA TYPE", "SHA-256"), rows)] if job.outputs else []
    show_tables(fields(_rows(job, waiting)), *outputs)


def _rows(job: JobRecord, waiting: Waiting | None) -> Iterator[tuple[str, str | Text]]:
    yield "job", job.id
    yield "type", job.type or "?"
    yield "status", status_text(job.status)
    yield "priority", str(job.priority)
    if job.requested_by:
        yield "requested by", job.requested_by
    if job.retry_of:
        yield "retry of", job.retry_of
    yield "created", moment(job.created_at)
    if waiting is not None:
        yield "waits", _why(job, waiting)
    if job.locked_at:
        yield "claimed", f"{moment(job.locked_at)}  after {duration(job.locked_at - job.created_at)}"
    if job.fence is not None and job.locked_at:
        yield "started", f"{moment(job.fence.started_at)}  after {duration(job.fence.started_at - job.locked_at)}"
        yield "pod", job.fence.pod_name
    if job.completed_at:
        since = job.fence.started_at if job.fence else job.locked_at
        yield "ended", moment(job.completed_at) + (f"  after {duration(job.completed_at - since)}" if since else "")
    if job.output_ref:
        yield "manifest", job.output_ref
    if job.error is not None:
        yield from _failure(job)
    if job.fence is not None or job.status is JobStatus.RUNNING:
        namespace = os.environ.get("REGEN_RUNNER_NAMESPACE") or "regen-runs"
        yield "logs", f"kubectl -n {namespace} logs job/{job_name(job.id)} --all-containers"


def _failure(job: JobRecord) -> Iterator[tuple[str, str | Text]]:
    """Yield the row's error, which can be any JSON in a row older than regen."""
    error = job.error if isinstance(job.error, dict) else {"message": _as_text(job.error)}
    yield "failed as", str(error.get("classification", "?"))
    yield "because", str(error.get("message", "?"))
    if detail := error.get("detail"):
        yield "detail", printable(json.dumps(detail, ensure_ascii=False))
    if error.get("retryable") is True:
        yield "what to do", f"the same may succeed: regen trigger --retry-of {job.id}"
    else:
        yield "what to do", "the same would fail again: mend what is named, then trigger a new job"


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _why(job: JobRecord, waiting: Waiting) -> str:
    place = f"place {waiting.place} in the queue" if waiting.place else "behind the first thousand of the queue"
    running = f"{waiting.running} {'job runs' if waiting.running == 1 else 'jobs run'}"
    own = f", {waiting.running_of_requester} of {job.requested_by}" if job.requested_by else ""
    return f"{place}; {running}, {waiting.running_of_type} of type {job.type or '?'}{own}"
