"""The HTTP API as the command line sees it: one client, a deadline on everything, and problems as our own errors.

Nothing is asked twice by itself: whoever types the command decides.
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
"""For an answer to begin, and for each block of it."""
CONNECT_SECONDS: Final = 10.0
_PROBLEM: Final = "application/problem+json"
_SLUG: Final = "urn:regen:problem:"
_TOKEN: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")  # a development key may hold spaces


class ApiProblem(RegenError):
    """The API refused, by RFC 9457. ``slug`` ends the problem's type."""

    def __init__(self, status: int, slug: str, detail: str) -> None:
        super().__init__(f"API: {detail}")
        self.status = status
        self.slug = slug
        self.said = detail


class Busy(Unavailable):
    """The API takes no more for now: it has done nothing."""


class BrokenOff(Unavailable):
    """The answer ended before its end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. ``now`` is the API's clock to the second, UTC without a zone; ``body`` is None where nothing has changed."""

    body: Any
    now: datetime
    etag: str | None
    headers: Mapping[str, str]


class Api:
    """Use as a context manager.

    Every method raises ``Unavailable`` where the same call may be tried again, ``ValidationFailed`` where the API says that
    a value is wrong, ``ApiProblem`` where it refuses otherwise, ``RegenError`` where it is no API of ours.
    """

    def __init__(self, url: str, token: str) -> None:
        """Checks both without connecting.

        Raises:
            SettingsInvalid: one is wrong; its text is not repeated, since it may hold a password.
        """
        if not _TOKEN.fullmatch(token):
            msg = "REGEN_API_TOKEN: expected the access token to send to --api-url, got nothing or another text"
            raise SettingsInvalid(msg)
        self._base = f"{_checked(url)}/api/v1"
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}", "User-Agent": "regen", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,  # a token is for the address that was given
        )

    @classmethod
    def from_environment(cls, url: str) -> Self:
        """With ``REGEN_API_TOKEN``.

        Raises:
            SettingsInvalid: see ``__init__``.
        """
        return cls(url, os.environ.get("REGEN_API_TOKEN", ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: Sequence[str], query: Sequence[tuple[str, str]] = (), *, etag: str | None = None) -> Answer:
        """What lies at ``path``, each of whose parts is one segment, whatever it holds; ``etag`` is of an earlier answer."""
        headers = {} if etag is None else {"If-None-Match": etag}
        with _translated():
            return _answer(self._client.get(self._address(path), params=list(query), headers=headers))

    def post(self, path: Sequence[str], body: Any, headers: Mapping[str, str]) -> Answer:
        """What becomes of a JSON body; may be tried again with the same ``Idempotency-Key`` alone."""
        content = json.dumps(body, allow_nan=False).encode()
        sent = {"Content-Type": "application/json"} | dict(headers)
        with _translated():
            return _answer(self._client.post(self._address(path), content=content, headers=sent))

    @contextmanager
    def stream(self, path: Sequence[str]) -> Iterator[Iterator[bytes]]:
        """The bytes that lie at ``path``; none where the API says that it has none to give (204).

        Raises:
            BrokenOff: while they are read, before their end.
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
        msg = "--api-url (REGEN_API_URL): expected an address such as https://regen.example, got another text"
        raise SettingsInvalid(msg)
    return url.rstrip("/")


def _segment(text: str) -> str:
    """One segment of a path; dots alone would otherwise lead elsewhere."""
    quoted = quote(text, safe="", errors="replace")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


@contextmanager
def _translated() -> Iterator[None]:
    """Httpx's errors as ours, by what the caller does next."""
    try:
        yield
    except httpx.TimeoutException as error:
        msg = "API: expected an answer in time, got none"
        raise Unavailable(msg) from error
    except httpx.RemoteProtocolError as error:
        raise BrokenOff(f"API: expected a whole answer, got: {error}") from error
    except httpx.TransportError as error:
        raise Unavailable(f"API: expected an answer, got: {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RegenError(f"API: expected an answer, got: {error}") from error


def _answer(response: httpx.Response) -> Answer:
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return Answer(None, _date(response), response.headers.get("ETag"), response.headers)
    if response.status_code not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        raise _refusal(response)
    try:
        body = response.json()
    except ValueError:
        raise foreign(f"status {response.status_code} and no JSON") from None
    return Answer(body, _date(response), response.headers.get("ETag"), response.headers)


def foreign(got: str) -> RegenError:
    """The error for an address at which something else answers."""
    return RegenError(f"--api-url (REGEN_API_URL): expected regen's API at this address, got {got}")


def _refusal(response: httpx.Response) -> RegenError:
    status = response.status_code
    try:
        document = response.json() if response.headers.get("Content-Type", "").startswith(_PROBLEM) else {}
        slug, said = str(document["type"]).removeprefix(_SLUG), str(document["detail"])
    except (ValueError, TypeError, KeyError):
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"API: expected an answer, got status {status} from whatever stands before it")
        return foreign(f"status {status} and no problem document")
    return _named(status, slug, said, response.headers.get("Retry-After", "some"))


def _named(status: int, slug: str, said: str, seconds: str) -> RegenError:
    """A problem as the error that says what to do next."""
    errors: dict[int, RegenError] = {
        HTTPStatus.BAD_REQUEST: ValidationFailed(f"API: {said}"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ValidationFailed(f"API: {said}"),
        HTTPStatus.UNAUTHORIZED: RegenError(f"REGEN_API_TOKEN: expected a token that the API accepts, got: {said}"),
        HTTPStatus.FORBIDDEN: RegenError(f"REGEN_API_TOKEN: expected the token of somebody who may do this, got: {said}"),
        HTTPStatus.TOO_MANY_REQUESTS: Busy(f"API: {said}; it takes more in {seconds} s"),
        HTTPStatus.SERVICE_UNAVAILABLE: Unavailable(f"API: {said}"),
    }
    return errors.get(status, ApiProblem(status, slug, said))


def _date(response: httpx.Response) -> datetime:
    try:
        at = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        at = datetime.now(UTC)
    return at.astimezone(UTC).replace(tzinfo=None)
