"""The console, put onto the control plane's application."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

import structlog
from fastapi import APIRouter, Path, Request, Response

from regen_api.console import assets, creation, jobs, login, plans, previews
from regen_api.console.pages import HOME, Console, Page, SignedIn, make_templates
from regen_api.console.provider import Provider
from regen_api.console.session import Attempt, Cookie, Session
from regen_api.console.settings import is_served
from regen_api.problems import not_found

if TYPE_CHECKING:
    from fastapi import FastAPI

    from regen_api.parts import Parts

log = structlog.get_logger("regen.api.console")
_static = APIRouter(include_in_schema=False)
_rest = APIRouter(route_class=Page, include_in_schema=False)


def install(app: FastAPI, parts: Parts) -> Console | None:
    """Serves the console, if the settings want one; its caller closes the provider when the application ends."""
    settings = parts.settings
    if not is_served(settings):
        return None
    if settings.console_secret is None:
        log.warning("console sessions end with this process; set REGEN_CONSOLE_SECRET")
        secret = secrets.token_urlsafe(48)
    else:
        secret = settings.console_secret.get_secret_value()
    secure = settings.env == "production" or (settings.console_url or "").startswith("https:")
    files = assets.load_assets()
    console = Console(
        templates=make_templates(files),
        assets=files,
        sessions=Cookie("regen-console", Session, secret, secure=secure),
        attempts=Cookie("regen-console-login", Attempt, secret, secure=secure),
        provider=None if settings.console_client_id is None else Provider(settings, parts.authenticator),
    )
    app.state.console = console
    for router in (_static, login.router, jobs.router, creation.router, previews.router, plans.router, _rest):
        app.include_router(router)
    return console


@_static.get(f"{assets.PREFIX}/{{digest}}/{{name}}")
async def static(request: Request, digest: Annotated[str, Path()], name: Annotated[str, Path()]) -> Response:
    """A file, for good: another digest is another address."""
    found = request.app.state.console.assets.get(name)
    if found is None or found.digest != digest:
        raise not_found("file")
    return Response(found.body, media_type=found.media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"})


@_rest.get(f"{HOME}/{{path:path}}")
async def nowhere(_: SignedIn) -> Response:
    """No page of ours."""
    raise not_found("page")
