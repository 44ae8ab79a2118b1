"""What every page shares: who looks at it, its frame, and errors as pages instead of problem documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, quote

import structlog
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from regen_api.console import assets, timeline
from regen_api.console.provider import Provider, SignInFailed
from regen_api.console.session import Attempt, Cookie, Session, is_same
from regen_api.jobs.routes import matches
from regen_api.objects.download import OutputDamaged
from regen_api.problems import Problem, forbidden, invalid
from regen_core.errors import DatabaseUnavailable, StoreUnavailable

LIVE: Final = "Regen-Live"
"""The header by which a page asks for what may have changed in it."""
MAX_FIELDS: Final = 200
HOME: Final = "/admin"
LOGIN: Final = "/admin/login"

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HTMX_CONFIG: Final = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,  # an inline style, which the policy forbids
    "attributesToSettle": [],  # likewise: it sets style attributes
    "historyEnabled": False,
    "ignoreTitle": True,
    "defaultSettleDelay": 0,
    "timeout": 15_000,  # milliseconds
    "responseHandling": [
        {"code": "200", "swap": True},
        {"code": "304|401", "swap": False},
        {"code": "...", "swap": False, "error": True},
    ],
}
"""How htmx behaves under ``_POLICY``, and which answers it puts in place; console.js says what becomes of the others."""

log = structlog.get_logger("regen.api.console")


@dataclass(frozen=True, slots=True)
class Console:
    """The console's own parts, at ``request.app.state.console``."""

    templates: Environment
    assets: dict[str, assets.Asset]
    sessions: Cookie[Session]
    attempts: Cookie[Attempt]
    provider: Provider | None

    def render(
        self, request: Request, name: str, *, status: HTTPStatus = HTTPStatus.OK, allows: str = "", **values: Any
    ) -> Response:
        """A page; only its living part, with an ETag, where the request asks for that.

        Args:
            request: whose session the page shows.
            name: of the template.
            status: of the answer.
            allows: directives that this page's policy has besides every page's, each ended by a semicolon.
            values: for the template.
        """
        settings = request.app.state.parts.settings
        page = self.templates.get_template(name)
        context = {
            "request_path": request.url.path,
            "request_target": _target(request),
            "session": self.sessions.read(request),
            "development": settings.env == "development",
            "poll_seconds": settings.console_poll_seconds,
        } | values
        if LIVE not in request.headers or "live" not in page.blocks:
            headers = _headers()
            headers["Content-Security-Policy"] = allows + headers["Content-Security-Policy"]
            return Response(page.render(context), int(status), headers, "text/html")
        body = "".join(page.blocks["live"](page.new_context(context))).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if matches(request.headers.get("If-None-Match", ""), tag):
            return Response(None, int(HTTPStatus.NOT_MODIFIED), _headers() | {"ETag": tag})
        return Response(body, int(status), _headers() | {"ETag": tag}, "text/html")


def _target(request: Request) -> str:
    """Path and query as they were sent, for a page to ask for itself."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("ascii", "replace")


def _headers() -> dict[str, str]:
    return {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Vary": LIVE}


def make_templates(files: dict[str, assets.Asset]) -> Environment:
    """Everything is escaped, and a name that a page does not know is an error."""
    environment = Environment(
        loader=PackageLoader("regen_api.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = _clock
    environment.filters["short"] = _short
    environment.filters["iso"] = _iso
    environment.filters["duration"] = timeline.duration
    environment.filters["size"] = timeline.size
    environment.filters["segment"] = lambda text: quote(text, safe="")
    environment.globals["htmx_config"] = HTMX_CONFIG
    environment.globals["asset"] = lambda name: assets.address(files, name)
    return environment


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _short(at: datetime) -> str:
    return f"{at:%m-%d %H:%M}"


def _iso(at: datetime) -> str:
    return f"{at.isoformat(timespec='milliseconds')}Z"


class SignInNeeded(Exception):
    """Nobody is signed in."""


class Page(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with ours around it."""
        original = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await original(request)
            except SignInNeeded:
                return _to_login(request)
            except _TOLD as error:
                return _error(request, *_told(error))

        return handler


_TOLD: Final = (Problem, SignInFailed, OutputDamaged, RequestValidationError, DatabaseUnavailable, StoreUnavailable)


def _told(error: Exception) -> tuple[HTTPStatus, str, dict[str, str]]:
    """Status, words and headers of the page that answers ``error``, one of ``_TOLD``."""
    status, detail, headers = HTTPStatus.SERVICE_UNAVAILABLE, "a part that this page needs does not answer", {}
    match error:
        case Problem():
            status, detail, headers = error.status, error.detail, error.headers
        case SignInFailed():
            status, detail = HTTPStatus.BAD_REQUEST, error.message
        case OutputDamaged():
            status, detail = HTTPStatus.BAD_GATEWAY, "the store has other bytes than were published"
        case RequestValidationError():
            status, detail = HTTPStatus.BAD_REQUEST, "this address or form is not as expected"
        case _:
            log.warning("a part does not answer", error=str(error))
    return status, detail, headers


def see_other(address: str) -> Response:
    """On to another page, by GET."""
    return RedirectResponse(address, int(HTTPStatus.SEE_OTHER))


def _to_login(request: Request) -> Response:
    if LIVE in request.headers:
        return Response(None, int(HTTPStatus.UNAUTHORIZED), _headers())
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = f"?next={quote(wanted, safe='')}" if request.method == "GET" and wanted != HOME else ""
    return Response(None, int(HTTPStatus.SEE_OTHER), _headers() | {"Location": LOGIN + target})


def _error(request: Request, status: HTTPStatus, detail: str, headers: dict[str, str]) -> Response:
    if LIVE in request.headers:
        return Response(None, int(status), _headers() | headers)
    console: Console = request.app.state.console
    request_id = request.scope.get("regen.request_id", "")
    answer = console.render(request, "error.html", status=status, title=status.phrase, detail=detail, request_id=request_id)
    answer.headers.update({name: value for name, value in headers.items() if name.lower() != "www-authenticate"})
    return answer


async def current_session(request: Request) -> Session:
    """Whoever is signed in, within their rate."""
    session: Session | None = request.app.state.console.sessions.read(request)
    if session is None:
        raise SignInNeeded
    request.scope["regen.subject"] = session.subject
    await request.app.state.parts.rates.spend(session.subject)
    return session


async def current_admin(session: Annotated[Session, Depends(current_session)]) -> Session:
    """Whoever is signed in, who must be an admin."""
    if not session.is_admin:
        raise forbidden("this needs the admins' role")
    return session


SignedIn = Annotated[Session, Depends(current_session)]
Admin = Annotated[Session, Depends(current_admin)]


async def posted(request: Request, csrf: str) -> dict[str, list[str]]:
    """The fields of a form that our own page sent.

    Raises:
        Problem: 403 where it came from elsewhere, 400 where it is no form.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise forbidden("this form was sent from another site")
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise invalid("body", "expected a form")
    body = await request.body()
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise invalid("body", "expected a form") from error
    if not is_same(fields.get("csrf", [""])[0], csrf):
        raise forbidden("this form is older than your session; go back, reload the page and try again")
    return fields
