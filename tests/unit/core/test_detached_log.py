"""Does whoever logs go on, whatever becomes of the log, and is every line there or counted?"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from regen_core.detached_log import DetachedHandler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = "x" * 1000


@contextmanager
def logger_to(descriptor: int, **options: int) -> Iterator[tuple[logging.Logger, DetachedHandler]]:
    """A logger of its own whose lines go to the descriptor."""
    handler = DetachedHandler(descriptor, **options)
    logger = logging.Logger("test")  # noqa: LOG001 - outside of the tree, where pytest listens
    logger.addHandler(handler)
    yield logger, handler
    logger.removeHandler(handler)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe; its writing end is closed by the test, or at the end."""
    reading, writing = os.pipe()
    yield reading, writing
    for one in (reading, writing):
        try:
            os.close(one)
        except OSError:
            assert one == writing


def lines_of(reading: int) -> list[str]:
    with os.fdopen(os.dup(reading), "rb") as file:
        return file.read().decode().splitlines()


def test_lines_are_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file, logger_to(file.fileno()) as (logger, handler):
        for number in range(2000):
            logger.warning("%d ü\ud800", number)
        handler.flush()
    assert path.read_text() == "".join(f"{number} ü\\ud800\n" for number in range(2000))


def test_a_pipe_that_nobody_reads_delays_nobody_and_every_line_is_there_or_counted(pipe: tuple[int, int]) -> None:
    """Its 64 KiB and the queue are filled many times over; were a call to wait for the reader, this would never end."""
    reading, writing = pipe
    emitted = 3000
    with logger_to(writing, queue_bytes=100_000) as (logger, handler):
        for _ in range(emitted):
            logger.warning(LINE)
        assert handler.dropped > 0
        found: list[str] = []
        reader = threading.Thread(target=lambda: found.extend(lines_of(reading)))
        reader.start()
        while handler.dropped:
            logger.warning("the reader reads again")  # behind it stands what was dropped
            emitted += 1
            handler.flush()
        handler.flush()
        os.close(writing)
        reader.join(30)
    told = [int(match[1]) for line in found if (match := re.fullmatch(r"log lines dropped: (\d+)", line))]
    assert len(found) - len(told) + sum(told) == emitted
    assert LINE in found
    assert set(found) <= {LINE, "the reader reads again"} | {f"log lines dropped: {count}" for count in told}


def test_a_full_disk_delays_nobody_and_is_counted() -> None:
    with open("/dev/full", "wb") as full, logger_to(full.fileno()) as (logger, handler):  # noqa: PTH123 - a device
        for _ in range(10):
            logger.warning(LINE)
        handler.flush()
        assert handler.dropped == 10


def test_a_record_that_cannot_be_formatted_is_counted(pipe: tuple[int, int]) -> None:
    with logger_to(pipe[1]) as (logger, handler):
        logger.warning("%d", "no number")
        assert handler.dropped == 1


def test_a_descriptor_that_does_not_block_gets_whole_lines(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    with logger_to(writing) as (logger, handler):
        for _ in range(500):
            logger.warning(LINE)
        found: list[str] = []
        reader = threading.Thread(target=lambda: found.extend(lines_of(reading)))
        reader.start()
        handler.flush()
        os.close(writing)
        reader.join(30)
    assert found == [LINE] * 500


def test_flush_ends_without_a_reader(pipe: tuple[int, int]) -> None:
    with logger_to(pipe[1]) as (logger, handler):
        for _ in range(200):
            logger.warning(LINE)
        handler.flush()
        assert handler.dropped == 0


def test_python_exits_with_what_was_logged(tmp_path: Path) -> None:
    import subprocess

    program = "import logging; from regen_core.detached_log import *; logging.getLogger().addHandler(DetachedHandler(1));"
    done = subprocess.run(
        [sys.executable, "-c", f"{program} logging.warning('the last words')"], capture_output=True, check=True, timeout=60
    )
    assert done.stdout == b"the last words\n"
