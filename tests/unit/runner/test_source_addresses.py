"""Are the addresses refused at which clouds hand out credentials, in every way of writing them?"""

from __future__ import annotations

import pytest

from regen_core.errors import ValidationFailed
from regen_core.instruction import Source
from regen_runner.source_policy import AddressRefused, SourcePolicy, refuse_metadata


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
        refuse_metadata(address)


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
    refuse_metadata(address)


PRIVATE = ["127.0.0.1", "10.0.0.7", "192.168.1.1", "172.16.0.1", "::1", "fd12:3456::1", "::ffff:10.0.0.7", "64:ff9b::10.0.0.7"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_only_for_a_listed_host(address: str) -> None:
    with pytest.raises(AddressRefused):
        SourcePolicy("s3://bucket/outputs").check_address("files.example", address)
    SourcePolicy("s3://bucket/outputs", hosts=("*.internal",)).check_address("files.internal", address)


def test_a_listed_host_does_not_reach_credentials() -> None:
    with pytest.raises(AddressRefused):
        SourcePolicy("s3://bucket/outputs", hosts=("metadata.internal",)).check_address("metadata.internal", "169.254.169.254")


def source(uri: str) -> Source:
    return Source(name="data.csv", uri=uri, sha256="0" * 64)


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("a.example.com", True),
        ("A.Example.COM.", True),
        ("example.com", False),
        ("evil-example.com", False),
        ("files.org", True),
    ],
)
def test_hosts_are_listed_by_name_or_domain(host: str, listed: bool) -> None:  # noqa: FBT001 - a table
    policy = SourcePolicy("s3://bucket/outputs", hosts=("*.example.com", "files.org"))
    assert policy.lists(host) is listed
    if not listed:
        with pytest.raises(ValidationFailed, match="must be one of"):
            policy.check_host(source(f"https://{host}/x"), host)


@pytest.mark.parametrize(
    "uri", ["s3://bucket/outputs/document/j/a.pdf", "s3://bucket/outputs", "s3://bucket/%6futputs/x", "s3://bucket//outputs/x"]
)
def test_an_output_is_no_source(uri: str) -> None:
    with pytest.raises(ValidationFailed, match="objects under the store of outputs cannot be sources"):
        SourcePolicy("s3://bucket/outputs").check_object(source(uri))


def test_objects_are_allowed_by_prefix() -> None:
    policy = SourcePolicy("s3://bucket/outputs", prefixes=("s3://bucket/uploads/", "s3://other"))
    policy.check_object(source("s3://bucket/uploads/a.csv"))
    policy.check_object(source("s3://other/anything"))
    for uri in ("s3://bucket/uploads-of-others/a.csv", "s3://bucket/a.csv", "s3://third/uploads/a.csv"):
        with pytest.raises(ValidationFailed, match="must begin with one of"):
            policy.check_object(source(uri))
