"""Errors as the Kubernetes API gives them: a ``Status`` object with code, reason, message and details.

Source: ``k8s.io/apimachinery/pkg/api/errors`` and ``pkg/util/validation/field``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubelite.resources import Resource

_WORDS = {
    "FieldValueRequired": "Required value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueTypeInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field. ``text`` follows the words of ``reason``, e.g. ``"abc": must be …``."""

    field: str
    reason: str
    text: str = ""

    @property
    def message(self) -> str:
        """The cause without its field, e.g. ``Invalid value: 5: must be less than 3``."""
        words = _WORDS[self.reason]
        return f"{words}: {self.text}" if self.text else words


class APIError(Exception):
    """An answer that is not a success. ``code`` is the HTTP status, ``reason`` the machine-readable word."""

    def __init__(self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})

    def as_status(self) -> dict[str, Any]:
        """The ``v1 Status`` object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }
        if not self.details:
            del status["details"]
        return status


def _details(resource: Resource, name: str) -> dict[str, Any]:
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}


def not_found(resource: Resource, name: str) -> APIError:
    """404 for an object."""
    return APIError(404, "NotFound", f'{resource.key} "{name}" not found', _details(resource, name))


def no_such_path() -> APIError:
    """404 for a resource or path that no Kubernetes would know."""
    return APIError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: Resource, name: str) -> APIError:
    """409 on create."""
    return APIError(409, "AlreadyExists", f'{resource.key} "{name}" already exists', _details(resource, name))


def conflict(resource: Resource, name: str, why: str | None = None) -> APIError:
    """409 on a stale write or an unmet precondition."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.key} "{name}": {why}'
    return APIError(409, "Conflict", message, _details(resource, name))


def forbidden(resource: Resource, name: str, why: str, cause: str | None = None) -> APIError:
    """403, from an admission rule that Kubernetes has built in."""
    details = _details(resource, name)
    if cause:
        details["causes"] = [{"reason": cause, "message": why}]
    return APIError(403, "Forbidden", f'{resource.key} "{name}" is forbidden: {why}', details)


def invalid(resource: Resource, name: str, errors: Sequence[FieldError]) -> APIError:
    """422 with one cause per wrong field."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    texts = list(dict.fromkeys(f"{error.field}: {error.message}" for error in errors))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = _details(resource, name) | {
        "kind": resource.kind,
        "causes": [{"reason": error.reason, "message": error.message, "field": error.field} for error in errors],
    }
    return APIError(422, "Invalid", f'{kind} "{name}" is invalid: {text}', details)


def bad_request(message: str) -> APIError:
    return APIError(400, "BadRequest", message)


def expired(message: str) -> APIError:
    """410: the revision or the continue token is too old; list again."""
    return APIError(410, "Expired", message)


def revision_too_large(asked: int, current: int) -> APIError:
    """504: the caller has seen a revision that this store has not (it was started anew)."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Too large resource version: {asked}, current: {current}"
    return APIError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def method_not_allowed() -> APIError:
    return APIError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media_type(accepted: Sequence[str]) -> APIError:
    """415 for a body that cannot be read."""
    message = "the body of the request was in an unknown format - accepted media types include: "
    return APIError(415, "UnsupportedMediaType", message + ", ".join(accepted))


def not_emulated(what: str) -> APIError:
    """501: a real API server would answer; this one says so rather than guess."""
    return APIError(501, "NotImplemented", f"kubelite does not emulate {what}; use a real cluster for it")
