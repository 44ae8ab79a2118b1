"""The application: routes, problems and what surrounds them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from regen_api import openapi, operational, problems
from regen_api.console import app as console
from regen_api.envelope import HEADER, Envelope
from regen_api.jobs import outputs
from regen_api.jobs import routes as jobs
from regen_api.jobs.routes import REPLAYED
from regen_api.parts import Parts
from regen_api.plans import routes as plans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from regen_api.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The application of ``settings``; its connections are closed when its lifespan ends."""
    parts = Parts.make(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if served is not None and served.provider is not None:
                await served.provider.close()
            await parts.close()

    app = FastAPI(
        title="regen",
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=openapi.operation_id,
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        middleware=_middleware(parts),
    )
    app.state.parts = parts
    problems.install(app)
    for router in (plans.router, jobs.queue, jobs.router, outputs.router, operational.router):
        app.include_router(router)
    served = console.install(app, parts)
    openapi.install(app)
    return app


def _middleware(parts: Parts) -> list[Middleware]:
    """Outermost first."""
    settings = parts.settings
    surrounding = [Middleware(Envelope, metrics=parts.metrics, max_body_bytes=settings.max_body_bytes)]
    if settings.cors_origins:
        surrounding.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.cors_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"],
                expose_headers=["ETag", "Location", "Retry-After", REPLAYED, HEADER],
                max_age=600,
            )
        )
    return surrounding
