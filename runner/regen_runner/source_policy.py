"""Which sources ``prepare`` may fetch: by S3 prefix and by HTTP host, never from the store of outputs.

An instruction can come from anyone who can create a job. Its sources are fetched with this pod's credentials and from its
network, so they must not reach other jobs' outputs, or services that only the cluster can reach.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from regen_core.errors import ValidationFailed

if TYPE_CHECKING:
    from regen_core.instruction import Source

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
"""Networks whose addresses end in an IPv4 address."""


class AddressRefused(Exception):
    """A host name resolves to an address that sources must not reach."""


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """The allowed sources.

    Attributes:
        output_url: ``REGEN_OUTPUT_URL``; nothing under it is a source.
        prefixes: S3 prefixes such as ``s3://bucket/uploads/``; empty allows every object that the credential can read.
        hosts: HTTP hosts, ``*.example.com`` for all below a domain; empty allows every host with a public address. Only a
            listed host can have a private or loopback address.
        allow_files: whether ``file://`` is allowed at all; for development.
    """

    output_url: str
    prefixes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    allow_files: bool = False

    def check_object(self, source: Source) -> None:
        """Check an ``s3://`` source.

        Raises:
            ValidationFailed: the object is under ``output_url`` or under none of ``prefixes``.
        """
        key = _location(source.uri)
        if _is_under(key, _location(self.output_url)):
            msg = f"source {source.name}: objects under the store of outputs cannot be sources"
            raise ValidationFailed(msg, source=source.name)
        if self.prefixes and not any(_is_under(key, _location(prefix)) for prefix in self.prefixes):
            msg = f"source {source.name}: s3:// URIs must begin with one of {', '.join(self.prefixes)}"
            raise ValidationFailed(msg, source=source.name)

    def check_host(self, source: Source, host: str) -> None:
        """Check the host of an HTTP source or of a redirect.

        Raises:
            ValidationFailed: ``hosts`` is not empty and does not list it.
        """
        if self.hosts and not self.lists(host):
            msg = f"source {source.name}: the host of an HTTP source must be one of {', '.join(self.hosts)}"
            raise ValidationFailed(msg, source=source.name)

    def lists(self, host: str) -> bool:
        """Return whether ``hosts`` contains the host."""
        name = host.rstrip(".").lower()
        return any(name == one or (one.startswith("*.") and name.endswith(one[1:])) for one in self.hosts)

    def check_address(self, host: str, address: str) -> None:
        """Check an address that the host resolved to.

        Raises:
            AddressRefused: a metadata address of a cloud, or one that is not public and whose host is not listed.
        """
        refuse_metadata(address)
        if not self.lists(host) and not _ip(address).is_global:
            raise AddressRefused


def refuse_metadata(text: str) -> None:
    """Refuse the addresses at which clouds serve credentials, also as IPv4 in IPv6.

    Raises:
        AddressRefused: ``text`` is link-local, multicast, unspecified or a known metadata address.
    """
    address = _ip(text)
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA_ADDRESSES:
        raise AddressRefused


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    return (_embedded(address) or address) if isinstance(address, ipaddress.IPv6Address) else address


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that packets to ``address`` can be sent to."""
    if address.is_loopback or address.is_unspecified:
        return None
    if any(address in network for network in _LAST_FOUR_BYTES):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def _location(uri: str) -> tuple[str, str, str]:
    """Scheme, bucket and key, without percent-encoding: two spellings of one object are equal."""
    parts = urlsplit(uri)
    return parts.scheme, parts.netloc, unquote(parts.path).strip("/")


def _is_under(location: tuple[str, str, str], folder: tuple[str, str, str]) -> bool:
    if location[:2] != folder[:2]:
        return False
    return not folder[2] or location[2] == folder[2] or location[2].startswith(f"{folder[2]}/")
