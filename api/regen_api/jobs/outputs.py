"""``/api/v1/regeneration-jobs/{id}/outputs/{name}`` and ``…/log``: an output's bytes, and what lies beside them."""

from __future__ import annotations

import base64
import re
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import StreamingResponse

from regen_api.auth.authentication import Caller
from regen_api.jobs.routes import JobId, matches, require_visible
from regen_api.jobs.views import Job
from regen_api.parts import Parts
from regen_api.problems import Problem, not_found, responses
from regen_core.names import LOG_NAME, MANIFEST_NAME, PROVENANCE_NAME, artifact_key
from regen_core.provenance import MEDIA_TYPE as PROVENANCE_MEDIA_TYPE
from regen_store.location import is_key

router: Final = APIRouter(prefix="/api/v1/regeneration-jobs", tags=["regeneration jobs"])

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*(; ?charset=[a-z0-9-]+)?", re.IGNORECASE)
_ANY_BYTES: Final = "application/octet-stream"
_EVIDENCE: Final = {MANIFEST_NAME: "application/json", PROVENANCE_NAME: PROVENANCE_MEDIA_TYPE}


@router.get(
    "/{jobId}/outputs/{name}",
    name="download_output",
    summary="Download an output",
    response_class=StreamingResponse,
    responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY)
    | {
        200: {
            "description": "The bytes. They break off where they are not those that were published.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
            "headers": {
                "ETag": {"description": "The SHA-256 digest.", "schema": {"type": "string"}},
                "Repr-Digest": {"description": "The same, by RFC 9530.", "schema": {"type": "string"}},
            },
        },
        304: {"description": "As the If-None-Match says, the caller has it; an output never changes."},
    },
)
async def download(
    request: Request,
    caller: Caller,
    job_id: Annotated[JobId, Path(alias="jobId")],
    name: Annotated[str, Path(pattern=_NAME, description="An output's name, `manifest.json`, or `provenance.intoto.jsonl`.")],
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """An output's bytes, checked against the digest that the database holds. For whoever may read the job."""
    await require_visible(request, caller, job_id)
    parts = request.app.state.parts
    if name in _EVIDENCE:
        return await _evidence(parts, job_id, name)
    output = await parts.jobs.find_output(job_id, name)
    if output is None:
        raise not_found("output")
    headers = _headers(name, output.sha256)
    if if_none_match is not None and matches(if_none_match, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    found = await parts.downloads.open(output.ref, output.size_bytes)
    return StreamingResponse(
        parts.downloads.streamed(output.ref, found, output.sha256),
        headers=headers | {"Content-Length": str(output.size_bytes)},
        media_type=output.media_type if _MEDIA_TYPE.fullmatch(output.media_type) else _ANY_BYTES,
    )


@router.get(
    "/{jobId}/log",
    name="read_log",
    summary="Read what a job's executor wrote",
    response_class=StreamingResponse,
    responses=responses(HTTPStatus.NOT_FOUND)
    | {
        200: {
            "description": "Plain text: both ends where it is long, scrubbed. It is no output, and no digest vouches for it.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        204: {"description": "Nothing was kept, or not yet."},
    },
)
async def read_log(request: Request, caller: Caller, job_id: Annotated[JobId, Path(alias="jobId")]) -> Response:
    """What the executor wrote to its standard output and error, of a failed job too. For whoever may read the job.

    Nothing (204) where it wrote nothing, where the job has not ended, and where its whole pod was killed.
    """
    await require_visible(request, caller, job_id)
    parts = request.app.state.parts
    job = await parts.jobs.find(job_id)
    ref = None if job is None else log_ref(parts.settings.output_url, job)
    found = None if ref is None else await parts.downloads.find(ref)
    if ref is None or found is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    headers = {**_headers(LOG_NAME), "Cache-Control": "private, no-cache", "Content-Length": str(found.size_bytes)}
    return StreamingResponse(
        parts.downloads.streamed(ref, found, None), headers=headers, media_type="text/plain; charset=utf-8"
    )


def log_ref(output_url: str, job: Job) -> str | None:
    """Where the log of a job that has ended lies, if it was kept; None for a job that can have none."""
    key = artifact_key(job.type or "", job.id, LOG_NAME)
    if not job.status.is_terminal or not is_key(key):
        return None
    return f"{output_url.rstrip('/')}/{quote(key)}"


async def _evidence(parts: Parts, job_id: str, name: str) -> Response:
    """Manifest or provenance, which have no row: the bytes as they are, for whoever downloads them to verify."""
    manifest = await parts.jobs.manifest_ref(job_id)
    if manifest is None or (name != MANIFEST_NAME and not manifest.endswith(f"/{MANIFEST_NAME}")):
        raise not_found("output")
    ref = manifest if name == MANIFEST_NAME else manifest.removesuffix(MANIFEST_NAME) + name
    try:
        found = await parts.downloads.open(ref, None)
    except Problem as error:
        if name == MANIFEST_NAME:
            raise
        raise not_found("output") from error  # releases before made none
    headers = _headers(name) | {"Content-Length": str(found.size_bytes)}
    return StreamingResponse(parts.downloads.streamed(ref, found, None), headers=headers, media_type=_EVIDENCE[name])


def _headers(name: str, sha256: str | None = None) -> dict[str, str]:
    """An executor made the bytes: a browser is to save them, and to run nothing in them."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if sha256 is None:
        return headers
    digest = base64.b64encode(bytes.fromhex(sha256)).decode("ascii")
    return headers | {"ETag": f'"{sha256}"', "Repr-Digest": f"sha-256=:{digest}:"}
