"""What the Kubernetes API refused, named by what the caller does next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regen_operator.kube.views import clean

if TYPE_CHECKING:
    from collections.abc import Mapping


class KubeError(Exception):
    """The root. ``reason`` is the API server's own word for it."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class NotFound(KubeError):
    """404: the object, its namespace or its kind is not there."""


class AlreadyExists(KubeError):
    """409 on a create: the name is taken, by us or by someone else."""


class Conflict(KubeError):
    """409: the object changed, or has another uid than the precondition names."""


class Unprocessable(KubeError):
    """400 or 422: a rule, a schema or an admission policy refuses this object, and will again."""


class Forbidden(KubeError):
    """403: our role or an admission plug-in does not allow it."""


class Unauthorized(KubeError):
    """401: the token is not taken; a new one may be."""


class Gone(KubeError):
    """410: the page of a list expired; the list starts again."""


class Unavailable(KubeError):
    """No answer, 429 or 5xx. ``not_looked_at``: the server says it did nothing, so even a write may be sent again."""

    def __init__(
        self, message: str, *, reason: str = "", retry_after: float | None = None, not_looked_at: bool = False
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after
        self.not_looked_at = not_looked_at


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
"""Words of the API server, of a webhook and of an admission policy, in this order, that has looked and says no."""
_PASSING: Final = (
    "exceeded quota", "status unknown for quota", "cannot create resource", "being terminated", "not yet ready to handle",
    "error looking up service account", "failed calling webhook",
)  # fmt: skip


def is_for_now(message: str) -> bool:
    """Whether a 403 may pass: a quota that is full, a role that lacks a right, a namespace that is ending."""
    return any(words in message for words in _PASSING)


def is_refusal(message: str) -> bool:
    """Whether the Job controller's complaint says that a pod is refused for good, not just for now."""
    return any(words in message for words in _REFUSALS) and not is_for_now(message)


def error_of(status: int, body: Mapping[str, Any], headers: Mapping[str, str], call: str) -> KubeError:
    """The error for an answer of 400 or more; ``body`` is a ``Status`` object where the server sent one."""
    reason = clean(body.get("reason"))
    message = f"Kubernetes API: {call} answered {status} ({clean(body.get('message') or reason)})"
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists(message, reason=reason)
    kind = _BY_STATUS.get(status)
    if kind is not None:
        return kind(message, reason=reason)
    return Unavailable(message, reason=reason, retry_after=_retry_after(headers), not_looked_at=status == 429)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
