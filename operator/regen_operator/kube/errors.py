"""What the Kubernetes API refused, named by what the caller does next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regen_operator.kube.views import clean

if TYPE_CHECKING:
    from collections.abc import Mapping


class KubeError(Exception):
    """A failed call of the Kubernetes API. ``reason`` is that of the API server's ``Status``, or empty."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class NotFound(KubeError):
    """404: the object, its namespace or its resource type does not exist."""


class AlreadyExists(KubeError):
    """409 on a create: an object of that name exists."""


class Conflict(KubeError):
    """409: the object changed, or has another uid than the precondition names."""


class Unprocessable(KubeError):
    """400, 413 or 422: the object is invalid or too large; sending it unchanged fails again."""


class Forbidden(KubeError):
    """403: RBAC or an admission plug-in does not allow it."""


class Unauthorized(KubeError):
    """401: the credentials were rejected; new ones may be accepted."""


class Gone(KubeError):
    """410: the continue token of a list expired; list from the start."""


class ApiUnavailable(KubeError):
    """No response, 429 or 5xx. ``not_processed``: the server did nothing with the request, so even a write may be repeated."""

    def __init__(
        self, message: str, *, reason: str = "", retry_after: float | None = None, not_processed: bool = False
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after
        self.not_processed = not_processed


_BY_STATUS: Mapping[int, type[KubeError]] = {
    400: Unprocessable,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Unprocessable,
    422: Unprocessable,
}


_REFUSALS: Final = ("is forbidden", "is invalid", "denied the request", "denied request")
"""In messages of the API server, of a webhook and of an admission policy that reject an object."""
_TEMPORARY: Final = (
    "exceeded quota", "status unknown for quota", "cannot create resource", "being terminated", "not yet ready to handle",
    "error looking up service account", "failed calling webhook",
)  # fmt: skip


def is_temporary(message: str) -> bool:
    """Whether the cause of a 403 can pass: a full quota, a missing permission, a namespace that is terminating."""
    return any(words in message for words in _TEMPORARY)


def is_quota(message: str) -> bool:
    """Whether a resource quota refused an object: other objects end, and then it is accepted."""
    return "exceeded quota" in message or "status unknown for quota" in message


def is_refusal(message: str) -> bool:
    """Whether the Job controller's event says that a pod is refused permanently."""
    return any(words in message for words in _REFUSALS) and not is_temporary(message)


def error_of(status: int, body: Mapping[str, Any], headers: Mapping[str, str], call: str) -> KubeError:
    """The error for a response of 400 or more; ``body`` is a ``Status`` object if the API server itself sent it."""
    reason = clean(body.get("reason"))
    message = f"Kubernetes API: {call} failed with {status} ({clean(body.get('message') or reason)})"
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists(message, reason=reason)
    kind = _BY_STATUS.get(status)
    if kind is not None:
        return kind(message, reason=reason)
    return ApiUnavailable(message, reason=reason, retry_after=_retry_after(headers), not_processed=status == 429)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
