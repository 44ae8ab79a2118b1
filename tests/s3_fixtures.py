"""An S3 bucket for every test that asks.

Real: the server (embedded SeaweedFS, one per test process), its conditional puts, checksums, identities and policies. Not
real: a policy that demands the condition, which this server cannot express.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from regen_stack.s3 import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_names = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """An empty bucket, and the environment of the identity that may put, get and list, but not delete."""

    url: str
    environment: Mapping[str, str]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The test process's server; it dies with the process."""
    with S3Server() as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    """A bucket of the test's own, gone with the server."""
    return Bucket(s3_server.make_bucket(f"regen-test-{next(_names)}"), s3_server.environment())
