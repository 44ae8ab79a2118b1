"""Jobs as the wire shows them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from regen_api.wire import Answer, Stamp
from regen_core.states import JobStatus


class JobSummary(Answer):
    """A line of the list."""

    id: Annotated[str, Field(examples=["3f0c5b6a0d8e4a55b1f0a9d6c7e8f901"])]
    type: Annotated[str | None, Field(description="The executor; null in a row from before regen.", examples=["document"])]
    status: JobStatus
    priority: Annotated[int, Field(description="Higher runs first.")]
    requested_by: Annotated[str | None, Field(description="The subject that asked, or `cr:<namespace>`.")]
    retry_of: Annotated[str | None, Field(description="The job that this one repeats.")]
    created_at: Stamp
    locked_at: Annotated[Stamp | None, Field(description="When the operator claimed it.")]
    completed_at: Annotated[Stamp | None, Field(description="When it ended, either way.")]
    classification: Annotated[str | None, Field(description="Why it failed, in one word; null unless FAILED.")]


class JobPage(Answer):
    """Jobs, newest first."""

    items: list[JobSummary]
    next_cursor: Annotated[str | None, Field(description="Give it as `cursor` for the next page; null on the last.")]


class Output(Answer):
    """An immutable file that a job made."""

    name: Annotated[str, Field(examples=["plan.pdf"])]
    ref: Annotated[str, Field(description="Where the object lies.")]
    sha256: str
    size_bytes: int
    media_type: Annotated[str, Field(examples=["application/pdf"])]
    created_at: Stamp


class Run(Answer):
    """The pod that took the job's fence."""

    pod_name: str
    pod_uid: str
    started_at: Stamp


class Waiting(Answer):
    """Why a PENDING job waits."""

    place: Annotated[int | None, Field(description="Its place in the queue, from 1; null beyond the first thousand.")]
    running: Annotated[int, Field(description="Jobs that run.")]
    running_of_type: int
    running_of_requester: int


class Queue(Answer):
    """What ended within the last minute, what runs, and the head of the queue, in this order."""

    items: list[JobSummary]


class Job(JobSummary):
    """Everything about a job."""

    instruction: Annotated[Any, Field(description="What it was asked to do; it never changes.")]
    output_ref: Annotated[str | None, Field(description="The manifest, once COMPLETED.")]
    error: Annotated[Any, Field(description="`classification`, `retryable`, `message`, `detail`; null unless FAILED.")]
    run: Annotated[Run | None, Field(description="Null until a pod started it.")]
    outputs: list[Output]
    waiting: Annotated[Waiting | None, Field(description="Null unless PENDING.")] = None


class Event(Answer):
    """One event of the audit trail. The hashes chain a job's events."""

    id: int
    event: Annotated[str, Field(examples=["REGEN_JOB_LOCKED"])]
    status: JobStatus
    actor: Annotated[str, Field(description="The database login that moved the job.")]
    at: Stamp
    detail: Any
    detail_text: Annotated[str, Field(description="The text of `detail` over which the hash was made.")]
    prev_hash: str | None
    hash: str


class Events(Answer):
    """A job's events, oldest first."""

    items: list[Event]


class Accepted(Answer):
    """A job that waits. The same for every repeat of a request with the same Idempotency-Key."""

    id: Annotated[str, Field(examples=["3f0c5b6a0d8e4a55b1f0a9d6c7e8f901"])]
    type: Annotated[str, Field(examples=["document"])]
    status: Annotated[JobStatus, Field(description="PENDING: what the request brought about.")]
    priority: int
    retry_of: str | None
    created_at: Stamp
