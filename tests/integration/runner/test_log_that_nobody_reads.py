"""Does a job end as it would, where nobody reads the log of its pod or the disk is full (rule R10)?"""

from __future__ import annotations

import fcntl
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.integration.runner.pods import PROGRAM, TIMEOUT, Pod, add_job, job_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database


@contextmanager
def full_pipe() -> Iterator[int]:
    """The writing end of a pipe that takes nothing more."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ))
    yield writing
    os.close(reading)
    os.close(writing)


@contextmanager
def full_disk() -> Iterator[int]:
    """A device that answers every write with ENOSPC."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("log", [full_pipe, full_disk])
def test_the_job_completes(pod: Pod, database: Database, log: type[Iterator[int]]) -> None:
    add_job(database)
    for program in ("prepare", "publish"):
        if program == "publish":
            pod.leave(a_txt=b"one")
        with log() as descriptor:
            done = subprocess.run(
                [PROGRAM, program],
                env={"PATH": os.defpath, **pod.environment()},
                stdout=descriptor,
                stderr=descriptor,
                timeout=TIMEOUT,
                check=False,
            )
        assert done.returncode == 0
    assert job_of(database)[0] == "COMPLETED"
