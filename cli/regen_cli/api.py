"""The command line's HTTP API client, with a deadline on every call.

The client never retries a request: that is the user's decision.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx

from regen_cli.exits import Unavailable
from regen_cli.objects import BLOCK
from regen_core.errors import RegenError, SettingsInvalid, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

SECONDS: Final = 30.0
"""Time to wait for the response to start, and for each block of it."""
CONNECT_SECONDS: Final = 10.0
_PROBLEM: Final = "application/problem+json"
_SLUG: Final = "urn:regen:problem:"
_TOKEN: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")  # a development key can contain spaces


class ApiProblem(RegenError):
    """The API returned a problem document (RFC 9457). ``slug`` is the end of the problem's type."""

    def __init__(self, status: int, slug: str, detail: str) -> None:
        super().__init__(f"API: {detail}")
        self.status = status
        self.slug = slug
        self.problem_detail = detail


class RateLimited(Unavailable):
    """The API is rate limiting and did nothing."""


class ResponseTruncated(Unavailable):
    """The response ended early."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response. ``now`` is the API's clock to the second, UTC without a zone; ``body`` is None if unchanged."""

    body: Any
    now: datetime
    etag: str | None
    headers: Mapping[str, str]


class Api:
    """Use as a context manager.

    Every method raises ``Unavailable`` if the call can be tried again, ``ValidationFailed`` if the API rejects a value,
    ``ApiProblem`` if it refuses for another reason, and ``RegenError`` if the address is not a regen API.
    """

    def __init__(self, url: str, token: str) -> None:
        """Check both without connecting.

        Raises:
            SettingsInvalid: one is invalid. The message does not repeat it: it can contain a password.
        """
        if not _TOKEN.fullmatch(token):
            msg = "REGEN_API_TOKEN is not set or is not a token. Set it to an access token for the API at --api-url."
            raise SettingsInvalid(msg)
        self._base = f"{_checked(url)}/api/v1"
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}", "User-Agent": "regen", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,  # never send the token to another address
        )

    @classmethod
    def from_environment(cls, url: str) -> Self:
        """Read the token from ``REGEN_API_TOKEN``.

        Raises:
            SettingsInvalid: see ``__init__``.
        """
        return cls(url, os.environ.get("REGEN_API_TOKEN", ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: Sequence[str], query: Sequence[tuple[str, str]] = (), *, etag: str | None = None) -> Answer:
        """GET ``path``, one segment per part. ``etag`` is that of an earlier response."""
        headers = {} if etag is None else {"If-None-Match": etag}
        with _translated():
            return _answer(self._client.get(self._address(path), params=list(query), headers=headers))

    def post(self, path: Sequence[str], body: Any, headers: Mapping[str, str]) -> Answer:
        """POST a JSON body. Only safe to repeat with the same ``Idempotency-Key``."""
        content = json.dumps(body, allow_nan=False).encode()
        sent = {"Content-Type": "application/json"} | dict(headers)
        with _translated():
            return _answer(self._client.post(self._address(path), content=content, headers=sent))

    @contextmanager
    def stream(self, path: Sequence[str]) -> Iterator[Iterator[bytes]]:
        """GET the bytes at ``path``. A 204 response gives none.

        Raises:
            ResponseTruncated: the response ended early, while it was read.
        """
        with _translated(), self._client.stream("GET", self._address(path)) as response:
            if response.status_code not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
                response.read()
                raise _refusal(response)
            yield response.iter_bytes(BLOCK)

    def _address(self, path: Sequence[str]) -> str:
        return "/".join([self._base, *(_segment(part) for part in path)])


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_fine = False
    else:
        is_fine = is_fine and "@" not in parts.netloc and not parts.query and not parts.fragment and url.isascii()
    if not is_fine:
        msg = (
            "--api-url (REGEN_API_URL) must be an address such as https://regen.example, without user name, query or fragment."
        )
        raise SettingsInvalid(msg)
    return url.rstrip("/")


def _segment(text: str) -> str:
    """Quote one path segment. A segment of dots alone would otherwise change the path."""
    quoted = quote(text, safe="", errors="replace")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


@contextmanager
def _translated() -> Iterator[None]:
    """Translate httpx errors by what the caller does next."""
    try:
        yield
    except httpx.TimeoutException as error:
        msg = "the API did not respond in time"
        raise Unavailable(msg) from error
    except httpx.RemoteProtocolError as error:
        raise ResponseTruncated(f"the API's response ended early: {error}") from error
    except httpx.TransportError as error:
        raise Unavailable(f"cannot reach the API: {error}. Check --api-url (REGEN_API_URL).") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RegenError(f"the request to the API failed: {error}") from error


def _answer(response: httpx.Response) -> Answer:
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return Answer(None, _date(response), response.headers.get("ETag"), response.headers)
    if response.status_code not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        raise _refusal(response)
    try:
        body = response.json()
    except ValueError:
        raise not_regen(f"status {response.status_code} without JSON") from None
    return Answer(body, _date(response), response.headers.get("ETag"), response.headers)


def not_regen(got: str) -> RegenError:
    """Return the error for an address that serves something other than regen's API."""
    return RegenError(f"--api-url (REGEN_API_URL): the server at this address is not regen's API: it returned {got}.")


def _refusal(response: httpx.Response) -> RegenError:
    status = response.status_code
    try:
        document = response.json() if response.headers.get("Content-Type", "").startswith(_PROBLEM) else {}
        slug, detail = str(document["type"]).removeprefix(_SLUG), str(document["detail"])
    except (ValueError, TypeError, KeyError):
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"the API is unavailable: a proxy in front of it returned status {status}")
        return not_regen(f"status {status} without a problem document")
    return _problem(status, slug, detail, response.headers.get("Retry-After"))


def _problem(status: int, slug: str, detail: str, retry_after: str | None) -> RegenError:
    """Return the error for a problem document, by what the user does next."""
    later = f" Retry in {retry_after} s." if retry_after else " Retry later."
    errors: dict[int, RegenError] = {
        HTTPStatus.BAD_REQUEST: ValidationFailed(f"API: {detail}"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ValidationFailed(f"API: {detail}"),
        HTTPStatus.UNAUTHORIZED: RegenError(f"the API rejected REGEN_API_TOKEN: {detail}"),
        HTTPStatus.FORBIDDEN: RegenError(f"the user of REGEN_API_TOKEN is not allowed to do this: {detail}"),
        HTTPStatus.TOO_MANY_REQUESTS: RateLimited(f"API: {detail.removesuffix('.')}.{later}"),
        HTTPStatus.SERVICE_UNAVAILABLE: Unavailable(f"API: {detail}"),
    }
    return errors.get(status, ApiProblem(status, slug, detail))


def _date(response: httpx.Response) -> datetime:
    try:
        at = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        at = datetime.now(UTC)
    return at.astimezone(UTC).replace(tzinfo=None)
