"""What a Job is built from, beside the executor class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobOrder:
    """The input of a Job.

    Attributes:
        job_id: the row's id.
        type: the row's type, which selects the executor class.
        namespace: the runner namespace.
        pending_seconds: the pending deadline, a part of the Job's active deadline.
    """

    job_id: str
    type: str
    namespace: str
    pending_seconds: int
