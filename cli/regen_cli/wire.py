"""Parse the API's responses (docs/api.md). Unknown fields are ignored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from regen_cli.api import not_regen
from regen_cli.jobs import JobLine, Waiting
from regen_core.audit_chain import AuditRecord
from regen_core.manifest import OutputRow
from regen_core.states import JobStatus  # noqa: TC001 - pydantic reads the annotation
from regen_verify import FenceRecord, JobRecord

if TYPE_CHECKING:
    from regen_core.errors import RegenError

Model = TypeVar("Model", bound=BaseModel)
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC).replace(tzinfo=None))]
"""UTC without a zone, as the database has it."""


class _Response(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Summary(_Response):
    id: str
    type: str | None
    status: JobStatus
    priority: int
    requested_by: str | None
    retry_of: str | None
    created_at: Moment
    locked_at: Moment | None
    completed_at: Moment | None
    classification: str | None


class _Page(_Response):
    items: list[_Summary]
    next_cursor: str | None = None


class _Output(_Response):
    name: str
    ref: str
    sha256: str
    size_bytes: int
    media_type: str


class _Run(_Response):
    pod_uid: str
    pod_name: str
    started_at: Moment


class _Waiting(_Response):
    running: int
    running_of_type: int
    running_of_requester: int
    place: int | None


class _Job(_Summary):
    instruction: Any
    output_ref: str | None
    error: Any
    run: _Run | None
    outputs: list[_Output]
    waiting: _Waiting | None


class _Event(_Response):
    id: int
    event: str
    status: str
    actor: str
    at: Moment
    detail_text: str
    prev_hash: str | None
    hash: str


class _Events(_Response):
    items: list[_Event]


class _Accepted(_Response):
    id: str


@dataclass(frozen=True, slots=True)
class ReadJob:
    """One job from the API. ``record`` has no events."""

    line: JobLine
    record: JobRecord
    waiting: Waiting | None


def parse_job(body: Any, now: datetime) -> ReadJob:
    """Parse the response of ``GET …/regeneration-jobs/{id}``.

    Raises:
        RegenError: the response has another format (also raised by the other functions here).
    """
    job = _parsed(_Job, body)
    record = JobRecord(
        id=job.id, type=job.type, status=job.status, priority=job.priority, requested_by=job.requested_by,
        retry_of=job.retry_of, created_at=job.created_at, locked_at=job.locked_at, completed_at=job.completed_at,
        output_ref=job.output_ref, error=job.error, instruction=job.instruction,
        fence=None if job.run is None else FenceRecord(**dict(job.run)),
        outputs=tuple(OutputRow(**dict(one)) for one in job.outputs),
    )  # fmt: skip
    return ReadJob(_line(job, now), record, None if job.waiting is None else Waiting(**dict(job.waiting)))


def parse_jobs(body: Any, now: datetime) -> tuple[list[JobLine], str | None]:
    """Parse a list, and the cursor of the next page."""
    page = _parsed(_Page, body)
    return [_line(one, now) for one in page.items], page.next_cursor


def parse_events(body: Any, job_id: str) -> tuple[AuditRecord, ...]:
    """Parse a job's audit events."""
    return tuple(
        AuditRecord(one.id, one.event, job_id, one.status, one.actor, one.at, one.detail_text, one.prev_hash, one.hash)
        for one in _parsed(_Events, body).items
    )


def parse_accepted(body: Any) -> str:
    """Parse the id of a created job."""
    return _parsed(_Accepted, body).id


def _line(one: _Summary, now: datetime) -> JobLine:
    return JobLine(
        one.id, one.type, one.status, one.priority, one.requested_by, one.created_at, one.locked_at, one.completed_at,
        one.classification, now,
    )  # fmt: skip


def _parsed(model: type[Model], body: Any) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _odd(error) from error


def _odd(error: ValidationError) -> RegenError:
    first = error.errors()[0]
    return not_regen(f"a response whose {'.'.join(str(part) for part in first['loc']) or 'body'} is invalid")
