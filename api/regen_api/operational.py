"""What a platform asks: whether the process lives, whether it can work, and its metrics."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from regen_core.errors import DatabaseUnavailable

router: Final = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def live() -> JSONResponse:
    """The event loop turns. A database that is away is no reason to restart this process."""
    return JSONResponse({"ok": True})


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """The database answers."""
    try:
        await request.app.state.parts.database.ping()
    except DatabaseUnavailable as error:
        return JSONResponse({"ok": False, "reason": error.message}, HTTPStatus.SERVICE_UNAVAILABLE)
    return JSONResponse({"ok": True})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(request.app.state.parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)
