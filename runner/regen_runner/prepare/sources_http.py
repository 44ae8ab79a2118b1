"""Sources over HTTP: one GET, few redirects, no address that only this pod should reach, no proxy."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead, InvalidURL
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import quote, urljoin, urlsplit

from regen_core.errors import SourceUnavailable, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from regen_core.instruction import Source

TIMEOUT: Final = 30.0
"""Seconds for the connection and for each read."""
MAX_REDIRECTS: Final = 5

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_TRANSIENT: Final = {408, 425, 429}
_METADATA_ADDRESSES: Final = {
    ipaddress.ip_address("fd00:ec2::254"),  # Amazon EC2, IPv6
    ipaddress.ip_address("100.100.100.200"),  # Alibaba Cloud
    ipaddress.ip_address("192.0.0.192"),  # Oracle Cloud
}
"""Where clouds serve credentials outside of the link-local ranges."""
_LAST_FOUR_BYTES: Final = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible (RFC 4291)
)
"""Networks whose addresses end in one of IPv4."""


class AddressRefused(Exception):
    """A name resolves to an address that sources must not reach."""


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
def open_http(source: Source) -> Iterator[BinaryIO]:
    """The body of a 200 answer. Whoever reads it may fail in its own ways; those errors pass as they are.

    Raises:
        ValidationFailed: the address is refused, or the answer will not change.
        SourceUnavailable: no answer, or one that may change; from each read of the body too.
    """
    with _told(source):
        connection, answer = _followed(source)
    try:
        yield cast("BinaryIO", _WholeBody(source, answer))
    finally:
        answer.close()  # which the connection has let go of already where the server closes it
        connection.close()


@contextmanager
def _told(source: Source) -> Iterator[None]:
    """What goes wrong between us and the server, as the error that the job ends with."""
    try:
        yield
    except AddressRefused as error:
        msg = f"source {source.name}: expected an address outside of this node's own, got {error}"
        raise ValidationFailed(msg, source=source.name) from error
    except (InvalidURL, UnicodeError) as error:
        # UnicodeError: labels of a host's name that are empty or too long (the codec idna of getaddrinfo)
        msg = f"source {source.name}: expected a URI with a host's name and a path that can be asked for, got another"
        raise ValidationFailed(msg, source=source.name) from error
    except (HTTPException, OSError) as error:
        # ssl.SSLError is an OSError: a certificate may be renewed
        msg = f"source {source.name}: expected an answer, got {type(error).__name__}: {error}"
        raise SourceUnavailable(msg, source=source.name) from error


def _followed(source: Source) -> tuple[HTTPConnection, HTTPResponse]:
    """The 200 answer at the end of few redirects, and its open connection."""
    uri = source.uri
    for _ in range(MAX_REDIRECTS + 1):
        connection, answer = _asked(source, uri)
        try:
            if answer.status not in _REDIRECTS:
                return connection, _checked(source, answer)
            uri = _redirected(source, uri, answer.getheader("Location") or "")
        except BaseException:
            connection.close()
            raise
        connection.close()
    msg = f"source {source.name}: expected at most {MAX_REDIRECTS} redirects, got more"
    raise ValidationFailed(msg, source=source.name)


def _asked(source: Source, uri: str) -> tuple[HTTPConnection, HTTPResponse]:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        msg = f"source {source.name}: expected a URI with a host, got one that cannot be read"
        raise ValidationFailed(msg, source=source.name) from error
    if not parts.hostname or parts.username is not None:
        msg = f"source {source.name}: expected a URI with a host and no user, got another"
        raise ValidationFailed(msg, source=source.name)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: HTTPConnection = HTTPSConnection(parts.hostname, port, timeout=TIMEOUT, context=context)
    else:
        connection = HTTPConnection(parts.hostname, port, timeout=TIMEOUT)
    connection._create_connection = _connect  # type: ignore[attr-defined]  # noqa: SLF001 - its seam since Python 2.7
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
    msg = f"source {source.name}: expected HTTP status 200, got {answer.status}"
    if answer.status >= 500 or answer.status in _TRANSIENT:
        raise SourceUnavailable(msg, source=source.name)
    raise ValidationFailed(msg, source=source.name)


def _redirected(source: Source, uri: str, location: str) -> str:
    """Where a redirect leads; only to the same scheme, or from http to https."""
    try:
        target = urljoin(uri, location)
        before, after = urlsplit(uri).scheme, urlsplit(target).scheme
    except ValueError as error:
        msg = f"source {source.name}: expected a redirect to a URI, got one that cannot be read"
        raise ValidationFailed(msg, source=source.name) from error
    if not location or (before, after) not in {("http", "http"), ("http", "https"), ("https", "https")}:
        msg = f"source {source.name}: expected a redirect within {before}, got one to {after or 'nowhere'}"
        raise ValidationFailed(msg, source=source.name)
    return target


def _connect(address: tuple[str, int], timeout: float, _source_address: Any = None) -> socket.socket:
    """As ``socket.create_connection``, to addresses that were looked at: the name is resolved once, and not again."""
    failure: OSError | None = None
    for family, kind, protocol, _, resolved in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        refuse_own_addresses(str(resolved[0]))
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


def refuse_own_addresses(text: str) -> None:
    """Lets every address pass that is not the node's own metadata service.

    Raises:
        AddressRefused: ``text`` is link-local, multicast, unspecified or a known metadata address, IPv4-in-IPv6 included.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = _embedded(address) or address
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA_ADDRESSES:
        raise AddressRefused(text)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to ``address`` may be sent to."""
    if any(address in network for network in _LAST_FOUR_BYTES):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
