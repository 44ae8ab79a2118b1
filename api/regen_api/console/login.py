"""``/admin/login`` and ``/admin/logout``."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final

import jwt
from fastapi import APIRouter, Request, Response

from regen_api.console.pages import HOME, LOGIN, Console, Page, SignedIn, posted, see_other
from regen_api.console.provider import CALLBACK, NOT_BEGUN_HERE, SignInFailed
from regen_api.console.session import Attempt, Session
from regen_api.principal import Principal
from regen_api.problems import Problem, not_found

router: Final = APIRouter(route_class=Page, include_in_schema=False)


@router.get(LOGIN)
async def ask(request: Request) -> Response:
    """The ways to sign in."""
    return _form(request, Attempt.begin(_target(request.query_params.get("next", HOME))))


@router.post(LOGIN)
async def by_token(request: Request) -> Response:
    """With an access token of the API, or development's key: the session does not outlive the token."""
    console: Console = request.app.state.console
    attempt = console.attempts.read(request)
    if attempt is None:
        again = Attempt.begin(HOME)
        return _form(request, again, "that form was too old, or your browser takes no cookies; try again", HTTPStatus.FORBIDDEN)
    fields = await posted(request, attempt.csrf)
    token = fields.get("token", [""])[0].strip()
    try:
        principal = await request.app.state.parts.authenticator.principal(token)
    except Problem as problem:
        return _form(request, attempt, problem.detail, problem.status)
    return _signed_in(request, principal, attempt.target, _expiry(token))


@router.get(f"{LOGIN}/start")
async def start(request: Request) -> Response:
    """On to the identity provider."""
    console: Console = request.app.state.console
    if console.provider is None:
        raise not_found("single sign-on")
    attempt = Attempt.begin(_target(request.query_params.get("next", HOME)))
    try:
        address = await console.provider.address(attempt, _callback(request))
    except SignInFailed as error:
        return _form(request, attempt, error.message, HTTPStatus.BAD_GATEWAY)
    answer = see_other(address)
    console.attempts.write(answer, attempt)
    return answer


@router.get(CALLBACK)
async def callback(request: Request) -> Response:
    """Back from the identity provider."""
    console: Console = request.app.state.console
    if console.provider is None:
        raise not_found("single sign-on")
    attempt = console.attempts.read(request)
    if attempt is None:
        return _form(request, Attempt.begin(HOME), NOT_BEGUN_HERE, HTTPStatus.BAD_REQUEST)
    try:
        principal = await console.provider.finish(attempt, dict(request.query_params), _callback(request))
    except SignInFailed as error:
        return _form(request, Attempt.begin(attempt.target), error.message, HTTPStatus.BAD_REQUEST)
    return _signed_in(request, principal, attempt.target, None)


@router.post("/admin/logout")
async def logout(request: Request, session: SignedIn) -> Response:
    """Forgets who it was."""
    console: Console = request.app.state.console
    await posted(request, session.csrf)
    answer = see_other(LOGIN)
    console.sessions.clear(answer)
    return answer


def _form(request: Request, attempt: Attempt, error: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    console: Console = request.app.state.console
    settings = request.app.state.parts.settings
    answer = console.render(
        request,
        "login.html",
        status=status,
        session=None,
        attempt=attempt,
        error=error,
        has_provider=console.provider is not None,
        has_static_key=settings.static_key is not None,
    )
    console.attempts.write(answer, attempt)
    return answer


def _signed_in(request: Request, principal: Principal, target: str, until: int | None) -> Response:
    console: Console = request.app.state.console
    longest = int(time.time()) + request.app.state.parts.settings.console_session_seconds
    request.scope["regen.subject"] = principal.subject
    answer = see_other(target)
    console.attempts.clear(answer)
    console.sessions.write(answer, Session.begin(principal, longest if until is None else min(longest, until)))
    return answer


def _expiry(token: str) -> int | None:
    """When an accepted token expires; development's key never does."""
    try:
        return int(jwt.decode(token, options={"verify_signature": False})["exp"])
    except jwt.InvalidTokenError:
        return None


def _target(text: str) -> str:
    """A page of ours; an address elsewhere would make the sign-in a trap."""
    is_ours = text == HOME or text.startswith((f"{HOME}/", f"{HOME}?"))
    return text if is_ours and text.isprintable() and "\\" not in text and "//" not in text.partition("?")[0] else HOME


def _callback(request: Request) -> str:
    """Where the provider sends the browser back to: registered there, so it cannot depend on a header in production."""
    origin = request.app.state.parts.settings.console_url or str(request.base_url).rstrip("/")
    return f"{origin}{CALLBACK}"
