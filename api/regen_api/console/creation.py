"""``/admin/new``: a form for each type, a JSON editor for all, and "trigger again". Each makes a new PENDING job (rule R7)."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ValidationError

from regen_api.console import forms
from regen_api.console.forms import FORMS, Errors, Form
from regen_api.console.jobs import in_order, job_path, may_trigger_again
from regen_api.console.pages import HOME, Admin, Console, Page, posted, see_other
from regen_api.console.session import Session
from regen_api.jobs import creation
from regen_api.jobs.routes import TYPE_PATTERN, JobId, JobRequest
from regen_api.jobs.views import Job
from regen_api.problems import Problem, conflict, invalid, not_found

router: Final = APIRouter(route_class=Page, include_in_schema=False)

NEW: Final = f"{HOME}/new"
_EXAMPLE: Final = '{\n  "title": "A page",\n  "markdown": "Hello."\n}'

Type = Annotated[str, Query(alias="type", pattern=TYPE_PATTERN)]


@router.get(NEW)
async def blank(
    request: Request,
    _: Admin,
    chosen: Type = forms.DOCUMENT.type,
    editor: str | None = None,
    like: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """An empty form, or one with the instruction of another job to be changed."""
    if like is not None:
        job = await _find(request, like)
        return _prefilled(request, job)
    form = FORMS.get(chosen)
    if form is None or editor == forms.JSON:
        known = {"type": [chosen], "inputs": [_EXAMPLE if chosen == forms.DOCUMENT.type else "{}"]}
        return _editor(request, known, {})
    return _typed(request, form, forms.defaults(form), {})


@router.post(NEW)
async def make(request: Request, admin: Admin) -> Response:
    """Makes the job of a form, or shows the form again with what is wrong."""
    given = await posted(request, admin.csrf)
    form = FORMS.get(given.get("form", [""])[0])
    read = forms.read_json(given) if form is None else forms.read_form(form, given)
    errors = read.errors
    if read.request is not None:
        made = await _made(request, admin, read.request, given.get("key", [""])[0])
        if isinstance(made, Response):
            return made
        errors = made
    if form is None:
        return _editor(request, given, errors, HTTPStatus.BAD_REQUEST)
    return _typed(request, form, given, errors, HTTPStatus.BAD_REQUEST)


@router.get(f"{HOME}/jobs/{{jobId}}/again")
async def review(request: Request, admin: Admin, job_id: Annotated[JobId, Path(alias="jobId")]) -> Response:
    """What "trigger again" will ask for, before it does."""
    console: Console = request.app.state.console
    job = await _ended(request, admin, job_id)
    return console.render(
        request, "again.html", job=job, instruction=forms.pretty(in_order(job.instruction)), key=uuid.uuid4().hex
    )


@router.post(f"{HOME}/jobs/{{jobId}}/again")
async def again(request: Request, admin: Admin, job_id: Annotated[JobId, Path(alias="jobId")]) -> Response:
    """Makes a job of the same instruction that names this one in ``retryOf``.

    Raises:
        Problem: 409 where the job has not ended, or holds what no request may ask for.
    """
    given = await posted(request, admin.csrf)
    job = await _ended(request, admin, job_id)
    body = {name: job.instruction[name] for name in ("type", "inputs", "sources") if name in job.instruction}
    body |= {"priority": job.priority, "retryOf": job.id}
    try:
        repeated = JobRequest.model_validate(body)
    except ValidationError as error:
        # Whoever inserts rows is bound by the database alone, which takes more than a request may ask for.
        first = error.errors(include_url=False)[0]
        raise conflict("conflict", f"this job cannot be triggered again: {first['loc'][0]}: {forms.message(first)}") from error
    made = await _made(request, admin, repeated, given.get("key", [""])[0])
    if isinstance(made, Response):
        return made
    raise invalid(*next(iter(made.items())))


async def _made(request: Request, admin: Session, body: JobRequest, key: str) -> Response | Errors:
    """Inserts the row. The form's key makes a form that is sent twice one job."""
    parts = request.app.state.parts
    try:
        new = creation.NewJob(
            instruction=creation.checked_instruction(body.instruction()),
            requested_by=admin.subject,
            priority=body.priority,
            retry_of=body.retry_of,
            key=creation.namespaced(admin.subject, f"console:{key[:64]}" if key.isalnum() and key.isascii() else None),
        )
        made = await parts.jobs.create(new)
    except Problem as problem:
        if problem.slug == "retry-refused":
            return {"retryOf": problem.detail.removeprefix("retryOf: ")}
        if problem.status is not HTTPStatus.BAD_REQUEST:
            raise
        return {error.field: error.message for error in problem.errors}
    if made.is_new:
        parts.metrics.jobs.labels("job").inc()
    return see_other(job_path(made.accepted.id))


async def _find(request: Request, job_id: str) -> Job:
    job: Job | None = await request.app.state.parts.jobs.find(job_id)
    if job is None or not isinstance(job.instruction, dict):
        raise not_found("job")
    return job


async def _ended(request: Request, admin: Session, job_id: str) -> Job:
    job = await _find(request, job_id)
    if not may_trigger_again(admin, job.status):
        raise Problem(HTTPStatus.CONFLICT, "conflict", "this job has not ended yet; only an ended job can be triggered again")
    if job.instruction.get("version") != 1 or not isinstance(job.instruction.get("inputs"), dict):
        raise Problem(HTTPStatus.CONFLICT, "conflict", "this job's instruction is of a form that can no longer be triggered")
    return job


def _prefilled(request: Request, job: Job) -> Response:
    inputs, sources = job.instruction.get("inputs"), job.instruction.get("sources")
    form = FORMS.get(job.type or "")
    extra = {"priority": [str(job.priority)]} | ({"retryOf": [job.id]} if job.status.is_terminal else {})
    values = forms.shown(form, inputs, sources) if form is not None and isinstance(inputs, dict) else None
    if form is not None and values is not None:
        return _typed(request, form, values | extra, {})
    text = {"type": [job.type or ""], "inputs": [forms.pretty(inputs)], "sources": [forms.pretty(sources) if sources else ""]}
    return _editor(request, text | extra, {})


def _typed(
    request: Request, form: Form, values: dict[str, list[str]], errors: Errors, status: HTTPStatus = HTTPStatus.OK
) -> Response:
    return _render(request, "new.html", values, errors, status, form=form, type=form.type)


def _editor(request: Request, values: dict[str, list[str]], errors: Errors, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return _render(request, "new.html", values, errors, status, form=None, type=values.get("type", [""])[0])


def _render(
    request: Request, name: str, values: dict[str, list[str]], errors: Errors, status: HTTPStatus, **more: Any
) -> Response:
    console: Console = request.app.state.console
    fields = () if more["form"] is None else more["form"].fields
    labels = {"type": "Type", "inputs": "Inputs", "sources": "Sources", "priority": "Priority", "retryOf": "Repeats"}
    labels |= {field.key: f"{field.group}: {field.label}" if field.group else field.label for field in fields}
    return console.render(
        request,
        name,
        status=status,
        values=values,
        errors=errors,
        labels=labels,
        forms=FORMS,
        opened={field.group for field in fields if field.key in errors or any(values.get(field.key, ()))},
        key=values.get("key", [""])[0] or uuid.uuid4().hex,
        json_address=f"{NEW}?{urlencode({'type': more['type'], 'editor': forms.JSON})}",
        **more,
    )
