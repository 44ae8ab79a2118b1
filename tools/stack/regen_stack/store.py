"""Where a stack's outputs go: a folder, or the embedded S3 server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regen_stack.s3 import ADMIN, READER, RUNNER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regen_stack.s3 import S3Server


@dataclass(frozen=True, slots=True)
class OutputStore:
    """A store that is there.

    Attributes:
        output_url: ``REGEN_OUTPUT_URL`` of the runner.
        runner_environment: the runner's ``AWS_*`` variables; it may put and get, and not delete.
        admin_environment: ``AWS_*`` variables of an identity that may do everything.
        reader_environment: the control plane's; it may get objects, and nothing else.
    """

    output_url: str
    runner_environment: Mapping[str, str] = field(default_factory=dict)
    admin_environment: Mapping[str, str] = field(default_factory=dict)
    reader_environment: Mapping[str, str] = field(default_factory=dict)


def file_store(folder: Path) -> OutputStore:
    """A store in ``folder``, which is made."""
    folder.mkdir()
    return OutputStore(folder.as_uri())


def s3_store(server: S3Server, bucket: str) -> OutputStore:
    """A bucket of a server that runs; it is made."""
    identities = (server.environment(identity) for identity in (RUNNER, ADMIN, READER))
    return OutputStore(server.make_bucket(bucket) + "/outputs", *identities)
