"""``/admin`` and ``/admin/jobs/{id}``: the list and one job."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from regen_api.console.forms import FORMS, pretty
from regen_api.console.overview import COUNT_MAX, HEIGHT, MINUTES, bars, overview
from regen_api.console.pages import HOME, Admin, Console, Page, SignedIn, see_other
from regen_api.console.previews import can_preview
from regen_api.console.retries import ancestors, later
from regen_api.console.session import Session
from regen_api.console.timeline import timeline
from regen_api.console.waiting import reason
from regen_api.console.words import failure
from regen_api.cursor import MAX_CHARACTERS, Cursor
from regen_api.jobs import queries
from regen_api.jobs.queue import queues
from regen_api.jobs.routes import TYPE_PATTERN, JobId, require_visible
from regen_api.problems import invalid, not_found
from regen_api.settings import Settings
from regen_core.canonical import instruction_digest
from regen_core.errors import ValidationFailed
from regen_core.names import job_name, label_value
from regen_core.states import Caps, JobStatus

router: Final = APIRouter(route_class=Page, include_in_schema=False)

PAGE: Final = 50


@router.get(HOME)
async def index(
    request: Request,
    session: SignedIn,
    status: Annotated[JobStatus | None, Query()] = None,
    type: Annotated[str | None, Query(pattern=TYPE_PATTERN)] = None,  # noqa: A002 - the name of the query
    cursor: Annotated[str | None, Query(max_length=MAX_CHARACTERS)] = None,
) -> Response:
    """The queue at a glance and a page of jobs, for admins; anybody else opens a job by its id."""
    console: Console = request.app.state.console
    if not session.is_admin:
        return console.render(request, "visitor.html")
    return await _listed(request, queries.Filter(() if status is None else (status,), type), cursor)


@router.get(f"{HOME}/filter")
async def narrow(
    _: Admin,
    status: Annotated[str, Query(max_length=20)] = "",
    type: Annotated[str, Query(max_length=63)] = "",  # noqa: A002 - the name of the query
) -> Response:
    """From the filter's form, which sends empty fields too, to the list's own address."""
    wanted = {name: value.strip() for name, value in (("status", status), ("type", type)) if value.strip()}
    return see_other(f"{HOME}?{urlencode(wanted)}" if wanted else HOME)


@router.get(f"{HOME}/open")
async def open_job(_: SignedIn, id: Annotated[str, Query(max_length=200)] = "") -> Response:  # noqa: A002 - likewise
    """To the job of a typed id."""
    return see_other(job_path(id.strip()) if id.strip() else HOME)


async def _listed(request: Request, wanted: queries.Filter, cursor: str | None) -> Response:
    console: Console = request.app.state.console
    place = None
    if cursor is not None:
        try:
            place = Cursor.decode(cursor)
        except ValueError as error:
            raise invalid("cursor", str(error)) from error
    parts = request.app.state.parts
    caps = known_caps(parts.settings)
    async with parts.database.reading() as connection:
        figures = await overview(connection)
        page = await queries.page(connection, wanted, place, PAGE)
        waiting = await queues(connection, [job.id for job in page.items if job.status is JobStatus.PENDING])
    status = wanted.statuses[0] if wanted.statuses else None
    query = {name: str(value) for name, value in (("status", status), ("type", wanted.type)) if value is not None}
    return console.render(
        request,
        "jobs.html",
        figures=figures,
        bars=bars(figures.completed, figures.failed),
        height=HEIGHT,
        minutes=MINUTES,
        count_max=COUNT_MAX,
        jobs=page.items,
        reasons={job.id: reason(job, waiting[job.id], caps) for job in page.items if job.id in waiting},
        wanted_status=status,
        wanted_type=wanted.type,
        statuses=list(JobStatus),
        types=sorted(FORMS),
        newest=f"{HOME}?{urlencode(query)}" if query else HOME,
        older=f"{HOME}?{urlencode(query | {'cursor': page.next_cursor})}" if page.next_cursor else None,
        is_first=place is None,
    )


@router.get(f"{HOME}/jobs/{{jobId}}")
async def show(request: Request, session: SignedIn, job_id: Annotated[JobId, Path(alias="jobId")]) -> Response:
    """One job, for admins and for whoever may see it in the API."""
    console: Console = request.app.state.console
    await require_visible(request, session.principal, job_id)
    parts = request.app.state.parts
    async with parts.database.reading() as connection:
        job = await queries.find(connection, job_id)
        if job is None:
            raise not_found("job")
        events = await queries.events(connection, job_id)
        chain = await ancestors(connection, job.retry_of)
        retries = await later(connection, job_id)
        queue = (await queues(connection, [job_id])).get(job_id)
    return console.render(
        request,
        "job.html",
        job=job,
        steps=timeline(job, events),
        waits=None if queue is None else reason(job, queue, known_caps(parts.settings)),
        failure=failure(job.error),
        chain=chain,
        retries=retries,
        instruction=pretty(in_order(job.instruction)),
        digest=_digest(job.instruction),
        can_preview=can_preview,
        lines=kubectl_lines(job_id, parts.settings),
        may_trigger=may_trigger_again(session, job.status),
    )


def may_trigger_again(session: Session, status: JobStatus) -> bool:
    """Whether a job that repeats this one can be made by whoever looks at it."""
    return session.is_admin and status.is_terminal


def in_order(instruction: Any) -> Any:
    """An instruction with its keys as the contract lists them; the database keeps none."""
    if not isinstance(instruction, dict):
        return instruction
    first = [name for name in ("type", "version", "inputs", "sources") if name in instruction]
    return {name: instruction[name] for name in (*first, *(name for name in instruction if name not in first))}


def job_path(job_id: str) -> str:
    """A job's page; what cannot be an id leads to a page that says so."""
    return f"{HOME}/jobs/{urlencode({'': job_id})[1:].replace('+', '%20')}"


def known_caps(settings: Settings) -> Caps | None:
    """The operator's caps, where this process was told them."""
    if settings.cap_total is None:
        return None
    return Caps(total=settings.cap_total, per_type=settings.cap_types, per_requester=settings.cap_requester)


def kubectl_lines(job_id: str, settings: Settings) -> list[tuple[str, str]]:
    """What a person types to see the job in the cluster: (purpose, command)."""
    name, runs = job_name(job_id), settings.runner_namespace
    selector = f"-l regeneration.dev/job-id={label_value(job_id)}"
    return [
        ("Its resource", f"kubectl -n {settings.namespace} get rj {name} -o yaml"),
        ("Its Job and pod", f"kubectl -n {runs} get jobs,pods {selector} -o wide"),
        ("Its logs", f"kubectl -n {runs} logs {selector} --all-containers --prefix --tail=200"),
        ("Its events", f"kubectl -n {runs} events --for job/{name}"),
    ]


def _digest(instruction: Any) -> str | None:
    """The instruction's, as the manifest has it; None for what has no canonical form."""
    try:
        return instruction_digest(instruction)
    except ValidationFailed:
        return None
