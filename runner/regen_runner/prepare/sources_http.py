"""Fetch sources over HTTP: one GET, few redirects, no proxy, and only hosts and addresses that the policy allows."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead, InvalidURL
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import quote, urljoin, urlsplit

from regen_core.errors import ValidationFailed
from regen_runner.prepare.unreachable import unreachable
from regen_runner.source_policy import AddressRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from urllib.parse import SplitResult

    from regen_core.instruction import Source
    from regen_runner.source_policy import SourcePolicy

TIMEOUT: Final = 30.0
"""Seconds for the connection and for each read."""
MAX_REDIRECTS: Final = 5

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_TRANSIENT: Final = {408, 425, 429}


class _WholeBody:
    """A body that is read as it comes, and whose early end is an error.

    ``HTTPResponse.read`` with a size waits for all of it, so that one who sends a byte now and then keeps the reader from
    looking at its deadline; and it takes an early end for the end. ``read1`` does not count what is left (http.client,
    Python 3.11).
    """

    def __init__(self, source: Source, answer: HTTPResponse) -> None:
        self._source = source
        self._answer = answer
        self._left = answer.length

    def read(self, size: int) -> bytes:
        """What has come, ``size`` bytes of it at the most; empty at the end."""
        if self._left is None:
            with _told(self._source):
                return self._answer.read1(size)
        if not self._left:
            return b""
        with _told(self._source):
            block = self._answer.read1(min(size, self._left))
            if not block:
                raise IncompleteRead(b"", self._left)
        self._left -= len(block)
        return block


@contextmanager
def open_http(source: Source, policy: SourcePolicy) -> Iterator[BinaryIO]:
    """Open the body of a 200 response. Errors of the caller's block pass unchanged.

    Raises:
        ValidationFailed: the host is not allowed, or the response will not change.
        SourceUnavailable: no response, or one that can change; also from each read of the body.
    """
    with _told(source):
        connection, answer = _followed(source, policy)
    try:
        yield cast("BinaryIO", _WholeBody(source, answer))
    finally:
        answer.close()  # which the connection has let go of already where the server closes it
        connection.close()


@contextmanager
def _told(source: Source) -> Iterator[None]:
    """Translate the errors of connecting, requesting and reading."""
    try:
        yield
    except AddressRefused as error:
        raise unreachable(source, "the host has no address that sources may reach (REGEN_SOURCE_HOSTS)") from error
    except (InvalidURL, UnicodeError) as error:
        # UnicodeError: labels of a host's name that are empty or too long (the codec idna of getaddrinfo)
        msg = f"source {source.name}: the URI has no valid host name or path"
        raise ValidationFailed(msg, source=source.name) from error
    except (HTTPException, OSError) as error:
        # ssl.SSLError is an OSError: a certificate may be renewed
        raise unreachable(source, f"{type(error).__name__}: {error}") from error


def _followed(source: Source, policy: SourcePolicy) -> tuple[HTTPConnection, HTTPResponse]:
    """Follow redirects to a 200 response. Return its open connection and the response."""
    uri = source.uri
    for _ in range(MAX_REDIRECTS + 1):
        connection, answer = _requested(source, policy, uri)
        try:
            if answer.status not in _REDIRECTS:
                return connection, _checked(source, answer)
            uri = _redirected(source, uri, answer.getheader("Location") or "")
        except BaseException:
            connection.close()
            raise
        connection.close()
    msg = f"source {source.name}: the server redirects more than {MAX_REDIRECTS} times"
    raise ValidationFailed(msg, source=source.name)


def _requested(source: Source, policy: SourcePolicy, uri: str) -> tuple[HTTPConnection, HTTPResponse]:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        msg = f"source {source.name}: the URI cannot be parsed"
        raise ValidationFailed(msg, source=source.name) from error
    if not parts.hostname or parts.username is not None:
        msg = f"source {source.name}: the URI must have a host and no user name"
        raise ValidationFailed(msg, source=source.name)
    policy.check_host(source, parts.hostname)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: HTTPConnection = HTTPSConnection(parts.hostname, port, timeout=TIMEOUT, context=context)
    else:
        connection = HTTPConnection(parts.hostname, port, timeout=TIMEOUT)
    connection._create_connection = _connector(policy)  # type: ignore[attr-defined]  # noqa: SLF001 - its seam since Python 2.7
    try:
        connection.request("GET", _target(parts), headers={"User-Agent": "regen-runner", "Accept-Encoding": "identity"})
        return connection, connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _target(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else path


def _checked(source: Source, answer: HTTPResponse) -> HTTPResponse:
    if answer.status == 200:
        return answer
    if answer.status >= 500 or answer.status in _TRANSIENT:
        raise unreachable(source, f"HTTP status {answer.status}")
    msg = f"source {source.name}: the server returned HTTP status {answer.status}"
    raise ValidationFailed(msg, source=source.name)


def _redirected(source: Source, uri: str, location: str) -> str:
    """Return the target of a redirect: the same scheme, or from http to https."""
    try:
        target = urljoin(uri, location)
        before, after = urlsplit(uri).scheme, urlsplit(target).scheme
    except ValueError as error:
        msg = f"source {source.name}: the server redirects to something that is not a URI"
        raise ValidationFailed(msg, source=source.name) from error
    if not location or (before, after) not in {("http", "http"), ("http", "https"), ("https", "https")}:
        msg = f"source {source.name}: the server redirects from {before} to {after or 'nowhere'}"
        raise ValidationFailed(msg, source=source.name)
    return target


def _connector(policy: SourcePolicy) -> Callable[..., socket.socket]:
    """Return a ``socket.create_connection`` that connects only to addresses which the policy allows.

    The name is resolved once, so that it cannot resolve to another address between check and connection.
    """

    def connect(address: tuple[str, int], timeout: float, _source_address: Any = None) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, resolved in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            policy.check_address(address[0], str(resolved[0]))
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(timeout)
            try:
                connection.connect(resolved)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure or OSError(f"{address[0]} has no address")

    return connect
