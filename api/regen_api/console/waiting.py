"""Why a PENDING job waits: what runs beside it, its place in the queue, and which cap that reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regen_api.jobs.views import JobSummary, Waiting
    from regen_core.states import Caps


def reason(job: JobSummary, queue: Waiting, caps: Caps | None) -> str:
    """One sentence. The caps are the operator's; None is that this process was not told them."""
    place = "beyond the first 1,000 of the queue" if queue.place is None else f"number {queue.place:,} in the queue"
    beside = f"{queue.running:,} {_jobs(queue.running)}, {queue.running_of_type:,} of type {job.type}"
    if caps is None:
        return f"{place}; {beside}" if queue.running else f"{place}; no job runs"
    type_cap = caps.per_type.get(job.type or "")
    if type_cap is not None and queue.running_of_type >= type_cap:
        return f"the limit for type {job.type} is reached: {queue.running_of_type:,} of {type_cap:,} run; {place}"
    if job.requested_by and caps.per_requester is not None and queue.running_of_requester >= caps.per_requester:
        limit = f"{queue.running_of_requester:,} of {caps.per_requester:,} run"
        return f"the limit for {job.requested_by} is reached: {limit}; {place}"
    if queue.running >= caps.total:
        return f"the limit for all jobs is reached: {queue.running:,} of {caps.total:,} run; {place}"
    return f"a slot is free; {place}"


def _jobs(count: int) -> str:
    return "job runs" if count == 1 else "jobs run"
