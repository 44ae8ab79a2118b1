"""``/admin/jobs/{id}/outputs/…``: an output's bytes, and a look at those that a page can show safely.

What is shown was made by an executor: text is escaped, a table is read as data, an image is an image to the browser whatever
is in it, and a PDF is one in a frame of its own that may run nothing. Everything else is for downloading. Text and tables are
shown only once the digest of all their bytes is right; images and PDFs break off before their end where it is not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Request, Response

from regen_api.console.fields import FieldInvalid, parse_json
from regen_api.console.forms import pretty
from regen_api.console.pages import HOME, Console, Page, SignedIn
from regen_api.jobs import outputs
from regen_api.jobs.routes import JobId, require_visible
from regen_api.jobs.views import Job, Output
from regen_api.problems import not_found

router: Final = APIRouter(route_class=Page, include_in_schema=False)

MAX_TEXT_BYTES: Final = 512 * 1024
MAX_LOG_BYTES: Final = 1024 * 1024
"""publish keeps less; an object that is larger is none of its."""
MAX_IMAGE_BYTES: Final = 16 * 1024 * 1024
"""Of a PDF too."""
ROWS: Final = 200
COLUMNS: Final = 40
CHARACTERS: Final = 100_000

_IMAGES: Final = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/svg+xml"}
_PDF: Final = "application/pdf"
_JSON: Final = {"application/json", "application/schema+json"}
_LINES: Final = {"application/x-ndjson", "application/jsonl", "application/jsonlines"}

_FRAMED: Final = {
    "Content-Type": _PDF,
    "Content-Disposition": "inline",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}

OutputName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows of a CSV."""

    header: list[str]
    rows: list[list[str]]
    is_cut: bool


def _media_type(output: Output) -> str:
    return output.media_type.partition(";")[0].strip().lower()


def can_preview(output: Output) -> bool:
    """Whether there is something to look at."""
    kind = _media_type(output)
    if kind in _IMAGES or kind == _PDF:
        return output.size_bytes <= MAX_IMAGE_BYTES
    return (kind.startswith("text/") or kind in _JSON | _LINES) and output.size_bytes <= MAX_TEXT_BYTES


@router.get(f"{HOME}/jobs/{{jobId}}/outputs/{{name}}")
async def download(
    request: Request,
    session: SignedIn,
    job_id: Annotated[JobId, Path(alias="jobId")],
    name: OutputName,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """The bytes, as the API gives them."""
    return await outputs.download(request, session.principal, job_id, name, if_none_match)


@router.get(f"{HOME}/jobs/{{jobId}}/shown/{{name}}")
async def shown(
    request: Request, session: SignedIn, job_id: Annotated[JobId, Path(alias="jobId")], name: OutputName
) -> Response:
    """A PDF's bytes, for the frame in its preview and nowhere else; whatever they are, they are a PDF to the browser."""
    await require_visible(request, session.principal, job_id)
    output = await request.app.state.parts.jobs.find_output(job_id, name)
    if output is None or _media_type(output) != _PDF or not can_preview(output):
        raise not_found("preview")
    answer = await outputs.download(request, session.principal, job_id, name)
    answer.headers.update(_FRAMED)
    return answer


@router.get(f"{HOME}/jobs/{{jobId}}/outputs/{{name}}/preview")
async def preview(
    request: Request, session: SignedIn, job_id: Annotated[JobId, Path(alias="jobId")], name: OutputName
) -> Response:
    """A look at an output."""
    console: Console = request.app.state.console
    await require_visible(request, session.principal, job_id)
    output = await request.app.state.parts.jobs.find_output(job_id, name)
    if output is None or not can_preview(output):
        raise not_found("preview")
    kind = _media_type(output)
    text, table = None, None
    if kind not in _IMAGES and kind != _PDF:
        text = (await _whole(request, output)).decode("utf-8", errors="replace")
        table = _table(text) if kind == "text/csv" else None
        if kind in _JSON:
            text = _indented(text)
    return console.render(
        request,
        "preview.html",
        job_id=job_id,
        output=output,
        allows="object-src 'self'; frame-src 'self'; " if kind == _PDF else "",
        is_image=kind in _IMAGES,
        is_pdf=kind == _PDF,
        table=table,
        text=None if text is None or table is not None else text[:CHARACTERS],
        is_cut=table.is_cut if table is not None else text is not None and len(text) > CHARACTERS,
    )


@router.get(f"{HOME}/jobs/{{jobId}}/log")
async def log(request: Request, session: SignedIn, job_id: Annotated[JobId, Path(alias="jobId")]) -> Response:
    """What the executor wrote."""
    console: Console = request.app.state.console
    await require_visible(request, session.principal, job_id)
    text = await _kept_log(request, await request.app.state.parts.jobs.find(job_id))
    return console.render(request, "log.html", job_id=job_id, text=text)


@router.get(f"{HOME}/jobs/{{jobId}}/log/raw")
async def raw_log(request: Request, session: SignedIn, job_id: Annotated[JobId, Path(alias="jobId")]) -> Response:
    """The same, as the API gives it."""
    return await outputs.read_log(request, session.principal, job_id)


async def _kept_log(request: Request, job: Job | None) -> str | None:
    """The log of a job that has ended; None where none was kept."""
    parts = request.app.state.parts
    ref = None if job is None else outputs.log_ref(parts.settings.output_url, job)
    found = None if ref is None else await parts.downloads.find(ref)
    if ref is None or found is None:
        return None
    if found.size_bytes > MAX_LOG_BYTES:
        await parts.downloads.leave(found)
        return None
    return b"".join([piece async for piece in parts.downloads.pieces(ref, found, None)]).decode("utf-8", errors="replace")


async def _whole(request: Request, output: Output) -> bytes:
    """Every byte, of the right digest; otherwise the page breaks off as a download does."""
    downloads = request.app.state.parts.downloads
    found = await downloads.open(output.ref, output.size_bytes)
    return b"".join([piece async for piece in downloads.pieces(output.ref, found, output.sha256)])


def _indented(text: str) -> str:
    try:
        return pretty(parse_json(text))
    except FieldInvalid:
        return text


def _table(text: str) -> Table | None:
    """The first rows; None where it is no table after all."""
    lines: Iterator[list[str]] = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        rows = [row[:COLUMNS] for row in islice(lines, ROWS + 1)]
        more = next(lines, None) is not None
    except csv.Error:
        return None
    return Table(rows[0], rows[1:], more) if rows else None
