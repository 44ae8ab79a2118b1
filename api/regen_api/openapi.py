"""The OpenAPI document: FastAPI's, with our problems in place of its own errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi
from pydantic.alias_generators import to_camel

from regen_api.problems import ProblemDocument

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.routing import APIRoute

VERSION: Final = "1.0.0"
DESCRIPTION: Final = """Triggers regeneration jobs and shows them. It cannot run, change or delete one.

Every error is a problem document (RFC 9457, `application/problem+json`). Times are UTC.
"""

_TEXT: Final = {"type": "string", "pattern": r"^[^\u0000]*$"}
_EXACT: Final = 2**53 - 1
JSON_VALUE: Final[dict[str, Any]] = {
    "description": "Any JSON that RFC 8785 can express: text without NUL, numbers that are exact as doubles.",
    "anyOf": [
        {"type": "null"},
        {"type": "boolean"},
        {"type": "number", "minimum": -_EXACT, "maximum": _EXACT},
        _TEXT,
        {"type": "array", "items": {"$ref": "#/components/schemas/JsonValue"}},
        {
            "type": "object",
            "propertyNames": _TEXT,
            "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
        },
    ],
}


def install(app: FastAPI) -> None:
    """Makes ``app.openapi`` answer the document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way


def operation_id(route: APIRoute) -> str:
    """The function's name as clients generated from the document shall call it: ``createJob``."""
    name: str = to_camel(route.name)
    return name


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # ours is 400
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _without_null(parameter["schema"])
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    schemas["JsonValue"] = JSON_VALUE
    return document


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is left out is not null: there is no way to write null in a header or a query."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {name: value for name, value in schema.items() if name != "anyOf"} | dict(choices[0])
