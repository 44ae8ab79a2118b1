"""``/api/v1/regeneration-jobs``."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue, WithJsonSchema

from regen_api import wire
from regen_api.auth.authentication import Admin, Caller
from regen_api.cursor import MAX_CHARACTERS, Cursor
from regen_api.jobs import creation, queries
from regen_api.jobs.views import Accepted, Events, Job, JobPage, Queue
from regen_api.principal import Principal
from regen_api.problems import invalid, not_found, responses
from regen_core.instruction import MAX_SOURCES, Source
from regen_core.names import RESERVED_NAMES, is_artifact_name
from regen_core.states import JobStatus

router: Final = APIRouter(prefix="/api/v1/regeneration-jobs", tags=["regeneration jobs"])
queue: Final = APIRouter(prefix="/api/v1", tags=["regeneration jobs"])

TYPE_PATTERN: Final = r"^[a-z][a-z0-9_]{0,62}$"
MAX_PRIORITY: Final = 1_000_000
MAX_PAGE: Final = 200
REPLAYED: Final = "Idempotency-Replayed"

ID_PATTERN: Final = r"^[^/\\\x00-\x1f\x7f]{1,200}$"
"""What the database lets be an id."""

JobId = Annotated[str, Path(pattern=ID_PATTERN, description="The job's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="New for each new request. A repeat with the same key and body is answered alike and makes nothing.",
        examples=["2f1d8e5c-6c55-4f0e-9d3e-0a6f7b8c9d0e"],
    ),
]


def _is_free_name(name: str) -> str:
    if not is_artifact_name(name):
        reserved = " or ".join(sorted(RESERVED_NAMES))
        msg = f"expected one file name of letters, digits, dots, dashes and underscores that is not {reserved}"
        raise ValueError(msg)
    return name


class SourceRequest(Source):
    """A file that is fetched before the executor starts."""

    name: Annotated[
        str,
        AfterValidator(_is_free_name),
        WithJsonSchema(
            {
                "type": "string",
                "pattern": r"^(?!(manifest\.json|provenance\.intoto\.jsonl|executor\.log)$)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
            }
        ),
    ]
    uri: Annotated[str, Field(max_length=2048, pattern=r"^(https|http|s3|file)://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$")]


class JobRequest(wire.Request):
    """A job to be made."""

    type: Annotated[str, Field(pattern=TYPE_PATTERN, description="The executor.", examples=["document"])]
    inputs: Annotated[
        dict[str, JsonValue],
        Field(
            json_schema_extra={"propertyNames": {"type": "string", "pattern": r"^[^\u0000]*$"}},
            description="What the executor is asked for. Numbers are doubles (RFC 8785).",
            examples=[{"title": "A page"}],
        ),
    ]
    sources: Annotated[
        tuple[SourceRequest, ...],
        Field(
            max_length=MAX_SOURCES,
            strict=False,
            json_schema_extra={"uniqueItems": True},
            description="Files that the executor finds, checked by their digest.",
        ),
    ] = ()
    priority: Annotated[
        int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="Higher runs first."), BeforeValidator(wire.whole_number)
    ] = 0
    retry_of: Annotated[str | None, Field(pattern=ID_PATTERN, description="The ended job that this one repeats.")] = None

    def instruction(self) -> dict[str, Any]:
        """``instructionJson``, version 1."""
        whole: dict[str, Any] = {"type": self.type, "version": 1, "inputs": self.inputs}
        if self.sources:
            whole["sources"] = [source.model_dump() for source in self.sources]
        return whole


_DOWNLOAD: Final = {
    "operationId": "downloadOutput",
    "parameters": {"jobId": "$response.body#/id", "name": "$response.body#/outputs/0/name"},
}


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Trigger a job",
    responses=responses(HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    | {
        202: {
            "description": "A PENDING job.",
            "headers": {
                "Location": {"description": "The job.", "schema": {"type": "string"}, "required": True},
                REPLAYED: {"description": "`true` where this request was answered before.", "schema": {"const": "true"}},
            },
            "links": {
                name: {"operationId": name, "parameters": {"jobId": "$response.body#/id"}}
                for name in ("readJob", "readJobEvents")
            },
        }
    },
)
async def create_job(
    request: Request, response: Response, admin: Admin, body: JobRequest, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Makes a PENDING job; the operator does the rest. For admins."""
    new = creation.NewJob(
        instruction=creation.checked_instruction(body.instruction()),
        requested_by=admin.subject,
        priority=body.priority,
        retry_of=body.retry_of,
        key=creation.namespaced(admin.subject, idempotency_key),
    )
    made = await request.app.state.parts.jobs.create(new)
    if made.is_new:
        request.app.state.parts.metrics.jobs.labels("job").inc()
    response.headers["Location"] = f"{router.prefix}/{made.accepted.id}"
    if not made.is_new:
        response.headers[REPLAYED] = "true"
    accepted: Accepted = made.accepted
    return accepted


@router.get(
    "",
    summary="List jobs",
    response_model=JobPage,
    responses=responses(HTTPStatus.FORBIDDEN)
    | {
        200: {
            "description": "A page.",
            "links": {
                "readJob": {"operationId": "readJob", "parameters": {"jobId": "$response.body#/items/0/id"}},
                "listJobs": {"operationId": "listJobs", "parameters": {"cursor": "$response.body#/nextCursor"}},
            },
        }
    },
)
async def list_jobs(
    request: Request,
    _: Admin,
    *,
    status: Annotated[list[JobStatus], Query(max_length=len(JobStatus), description="May be repeated: any of these.")] = [],  # noqa: B006 - FastAPI copies it
    type: Annotated[str | None, Query(pattern=TYPE_PATTERN)] = None,  # noqa: A002 - the name of the wire
    requested_by: Annotated[
        str | None, Query(alias="requestedBy", max_length=200, pattern=r"^[^\x00]+$", description="The subject that asked.")
    ] = None,
    cursor: Annotated[
        str | None,
        Query(
            max_length=MAX_CHARACTERS,
            description="The `nextCursor` of the page before.",
            json_schema_extra={"format": "regen-cursor"},
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Response:
    """Newest first, in keyset pages. For admins."""
    place = None
    if cursor is not None:
        try:
            place = Cursor.decode(cursor)
        except ValueError as error:
            raise invalid("query.cursor", str(error)) from error
    page: JobPage = await request.app.state.parts.jobs.page(queries.Filter(tuple(status), type, requested_by), place, limit)
    # A page is of our own making: to validate it once more would take as long as to read it.
    return Response(page.model_dump_json().encode(), media_type="application/json")


@queue.get("/queue", summary="What goes on", responses=responses(HTTPStatus.FORBIDDEN))
async def read_queue(
    request: Request,
    _: Admin,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Of those that ended, and of those that wait.")] = 20,
) -> Queue:
    """What ended within the last minute, what runs, and the head of the queue. For admins."""
    return Queue(items=await request.app.state.parts.jobs.going_on(limit))


@router.get(
    "/{jobId}",
    summary="Read a job",
    response_model=Job,
    responses=responses(HTTPStatus.NOT_FOUND) | {304: {"description": "As the If-None-Match says, nothing has changed."}},
)
async def read_job(
    request: Request,
    caller: Caller,
    job_id: Annotated[JobId, Path(alias="jobId")],
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """One job with its run and outputs. For admins and for whoever asked for it."""
    job: Job | None = await request.app.state.parts.jobs.find(job_id, caller)
    if job is None:
        raise not_found("job")
    return tagged(job, if_none_match)


@router.get(
    "/{jobId}/events",
    summary="Read a job's audit trail",
    response_model=Events,
    responses=responses(HTTPStatus.NOT_FOUND) | {304: {"description": "As the If-None-Match says, nothing has changed."}},
)
async def read_job_events(
    request: Request,
    caller: Caller,
    job_id: Annotated[JobId, Path(alias="jobId")],
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """Every transition, oldest first, each with its place in the hash chain."""
    await require_visible(request, caller, job_id)
    return tagged(Events(items=await request.app.state.parts.jobs.events(job_id)), if_none_match)


async def require_visible(request: Request, caller: Principal, job_id: str) -> None:
    """404 for a job that does not exist and for one that is not the caller's to see."""
    if not await request.app.state.parts.jobs.may_see(job_id, caller):
        raise not_found("job")


def tagged(answer: BaseModel, if_none_match: str | None) -> Response:
    """``answer`` with an ETag over its bytes; 304 without a body where the caller has it."""
    body = answer.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and matches(if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def matches(if_none_match: str, tag: str) -> bool:
    """Whether the header names ``tag``, by the weak comparison (RFC 9110, section 13.1.2)."""
    return if_none_match.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
