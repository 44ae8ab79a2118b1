"""Does a wait end when it is told to, whatever the numbers of its descriptors?"""

from __future__ import annotations

import os
import resource
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from regen_runner.retry import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_BEYOND_SELECT = 1024
LONG = 30 * 24 * 3600.0
"""Seconds; more milliseconds than an int holds, and more than any test lasts."""


@pytest.fixture(params=["few", "many"])
def stop(request: pytest.FixtureRequest) -> Iterator[Stop]:
    """A stop whose descriptors are small, or beyond what select(2) takes."""
    with ExitStack() as held:
        if request.param == "many":
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            needed = FIRST_BEYOND_SELECT + 64
            if hard != resource.RLIM_INFINITY and hard < needed:
                pytest.skip(f"the hard limit of open files is {hard}, this needs {needed}")
            if soft != resource.RLIM_INFINITY and soft < needed:
                resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
                held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            while (descriptor := os.open(os.devnull, os.O_RDONLY)) < FIRST_BEYOND_SELECT:
                held.callback(os.close, descriptor)
            held.callback(os.close, descriptor)
        stop = Stop()
        held.callback(stop.close)
        yield stop


def test_a_request_ends_it(stop: Stop) -> None:
    thread = threading.Thread(target=stop.wait, args=(LONG,), daemon=True)
    thread.start()
    stop.request()
    thread.join(60)
    assert not thread.is_alive()


def test_the_end_of_another_pipe_ends_it(stop: Stop) -> None:
    ended, ending = os.pipe2(os.O_CLOEXEC)
    try:
        thread = threading.Thread(target=stop.wait, args=(LONG, ended), daemon=True)
        thread.start()
        os.close(ending)
        thread.join(60)
        assert not thread.is_alive()
    finally:
        os.close(ended)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.05])
def test_time_ends_it_and_nothing_before(stop: Stop, seconds: float) -> None:
    begun = time.monotonic()
    stop.wait(seconds)
    assert time.monotonic() - begun >= seconds
