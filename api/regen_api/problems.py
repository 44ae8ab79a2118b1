"""Errors as RFC 9457 ``application/problem+json``: raised as ``Problem``, answered by the handlers below."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from regen_core.errors import DatabaseUnavailable, RegenError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI

MEDIA_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:regen:problem:"
_RETRY_SECONDS: Final = 5
_SLUGS: Final = {
    HTTPStatus.BAD_REQUEST: "bad-request",
    HTTPStatus.UNAUTHORIZED: "unauthenticated",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request-entity-too-large",
    HTTPStatus.TOO_MANY_REQUESTS: "too-many-requests",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
"""Of statuses that the framework raises. Not their phrases, which change with Python's version."""

log = structlog.get_logger("regen.api")


class FieldProblem(BaseModel):
    """One wrong value."""

    field: Annotated[str, Field(description="Where: a path such as `overrides.weeklyHours`.", examples=["overrides.topic"])]
    message: Annotated[str, Field(description="What was expected.", examples=["expected at least 3 characters"])]


class ProblemDocument(BaseModel):
    """RFC 9457. `type` is a URN that programs may compare."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:regen:problem:validation",
                    "title": "Bad Request",
                    "status": 400,
                    "detail": "overrides.weekly: unknown key",
                    "requestId": "0d0c7c4e0f4a4f0fb0a5c6f1f5a1f0aa",
                    "errors": [{"field": "overrides.weekly", "message": "unknown key"}],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    requestId: str  # noqa: N815 - the names of the wire
    errors: list[FieldProblem] | None = None


class Problem(Exception):
    """An answer that is no success. ``slug`` ends the problem's type."""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = list(errors)


def invalid(field: str, message: str) -> Problem:
    """400: ``field`` is not as expected."""
    return Problem(
        HTTPStatus.BAD_REQUEST, "validation", f"{field}: {message}", errors=[FieldProblem(field=field, message=message)]
    )


def not_found(what: str) -> Problem:
    """404, the same whether ``what`` does not exist or is someone else's."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", f"{what} not found")


def conflict(slug: str, detail: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, slug, detail)


def unauthenticated(detail: str) -> Problem:
    """401 with the challenge of RFC 6750."""
    challenge = 'Bearer realm="regen"' if detail == NO_TOKEN else 'Bearer realm="regen", error="invalid_token"'
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def forbidden(detail: str) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "forbidden", detail)


def unavailable(detail: str) -> Problem:
    """503: the same request may be tried again."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers={"Retry-After": str(_RETRY_SECONDS)})


NO_TOKEN: Final = "expected an access token in the Authorization header, as `Bearer <token>`"  # noqa: S105


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for its OpenAPI description; each request may also meet the last ones."""
    always = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    return {
        int(status): {
            "description": status.phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in dict.fromkeys((*statuses, *always))
    }


def answer(request: Request, problem: Problem) -> Response:
    """The problem as a response."""
    document: dict[str, Any] = {
        "type": _TYPE_PREFIX + problem.slug,
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "requestId": request.scope.get("regen.request_id", ""),
    }
    if problem.errors:
        document["errors"] = [error.model_dump() for error in problem.errors]
    # Names of unknown keys are in it as they came, lone surrogates too, which have no UTF-8: as escapes they have.
    return Response(json.dumps(document), int(problem.status), problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answers every error of ``app`` as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DatabaseUnavailable, _unavailable)
    app.add_exception_handler(StoreUnavailable, _unavailable)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(request, error)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_field_problem(one) for one in error.errors()]
    first = errors[0]
    return answer(request, Problem(HTTPStatus.BAD_REQUEST, "validation", f"{first.field}: {first.message}", errors=errors[:20]))


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    where, *inside = error["loc"] or ("request",)
    if where == "query":
        inside = inside[:1]  # which of several equal names it is, nobody counts
    path = ".".join(str(part) for part in inside)
    if error["type"] == "json_invalid":
        return FieldProblem(field="body", message="expected JSON")
    field = path if where == "body" and path else f"{where}.{path}" if path else str(where)
    message = "unknown key" if error["type"] == "extra_forbidden" else str(error["msg"]).removeprefix("Value error, ")
    return FieldProblem(field=field, message=message)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    slug = _SLUGS.get(status, "internal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad-request")
    detail = {
        HTTPStatus.NOT_FOUND: "no such path",
        HTTPStatus.METHOD_NOT_ALLOWED: "this path does not know the method",
        HTTPStatus.BAD_REQUEST: "body: expected JSON",
    }.get(status, status.phrase)
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        # Each route knows only its own method; the document knows all of the path's.
        path = getattr(request.scope.get("route"), "path", "")
        methods = request.app.openapi()["paths"].get(path, {})
        headers["Allow"] = ", ".join(sorted(methods)).upper() or headers.get("Allow", "")
    return answer(request, Problem(status, slug, detail, headers=headers))


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("a part does not answer", error=str(error))
    return answer(request, unavailable("a part that this answer needs does not answer; try again"))


async def _unexpected(request: Request, error: Exception) -> Response:
    # Starlette calls this outside of the middleware that gives every other line its request id.
    named = log.bind(request_id=request.scope.get("regen.request_id", ""))
    if isinstance(error, RegenError):
        named.error("an answer broke off", error=error.message)  # its message is enough; who raised it knew why
    else:
        named.error("unexpected error", exc_info=error)
    return answer(
        request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "unexpected error; the log knows the request id")
    )
