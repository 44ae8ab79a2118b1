"""The OpenAPI document: FastAPI's, with our problems in place of its own errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from regen_api.problems import ProblemDocument

if TYPE_CHECKING:
    from fastapi import FastAPI

VERSION: Final = "1.0.0"
DESCRIPTION: Final = """Triggers regeneration jobs and shows them. It cannot run, change or delete one.

Every error is a problem document (RFC 9457, `application/problem+json`). Times are UTC.
"""


def install(app: FastAPI) -> None:
    """Makes ``app.openapi`` answer the document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # ours is 400
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    return document
