"""Are the addresses refused at which clouds hand out credentials, in every way of writing them?"""

from __future__ import annotations

import pytest

from regen_runner.prepare.sources_http import AddressRefused, refuse_own_addresses


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::",
        "64:ff9b::169.254.169.254",
        "64:ff9b::6464:64c8",
        "::169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
        "0.0.0.0",  # noqa: S104
        "::",
        "224.0.0.1",
    ],
)
def test_that_a_metadata_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        refuse_own_addresses(address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "10.0.0.7",
        "2606:2800:220:1::1",
        "fd12:3456::1",
        "::ffff:10.0.0.7",
        "64:ff9b::10.0.0.7",
        "::1",
    ],
)
def test_that_every_other_address_passes(address: str) -> None:
    refuse_own_addresses(address)
