"""Is the body of a source read as it comes, to its end and no further, however its length is told?"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import SourceUnavailable
from regen_core.instruction import Source
from regen_runner.prepare.sources import SourceLimits, fetch_sources
from regen_runner.source_policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b"the source's bytes"
LONG = 3600.0
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY)
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@contextmanager
def answering(answer: bytes, *, closes: bool) -> Iterator[str]:
    """The URL of a server that says ``answer`` to one client, and then closes or says nothing more."""
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)
            if not closes:
                done.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            done.set()
            thread.join()


def fetch(uri: str, folder: Path, seconds: float = LONG) -> bytes:
    """Fetches once, until ``seconds`` from now."""
    source = Source(name="data", uri=uri, sha256=hashlib.sha256(BODY).hexdigest())
    policy = SourcePolicy("s3://bucket/outputs", hosts=("127.0.0.1",))
    limits = SourceLimits(1 << 20, 0.0, time.monotonic() + seconds, policy)
    fetch_sources([source], folder / "sources", limits, {})
    return (folder / "sources" / "data").read_bytes()


@pytest.mark.parametrize("begun", [COUNTED + b"t", CHUNKED + b"t", UNTIL_CLOSED + b"t"], ids=["counted", "chunked", "closed"])
def test_that_one_who_trickles_holds_nobody_beyond_the_deadline(tmp_path: Path, begun: bytes) -> None:
    with answering(begun, closes=False) as uri, pytest.raises(SourceUnavailable):
        fetch(uri, tmp_path, 0.0)


@pytest.mark.parametrize("whole", [COUNTED + BODY, CHUNKED + BODY + b"\r\n0\r\n\r\n"], ids=["counted", "chunked"])
def test_that_a_whole_body_ends_on_a_connection_that_stays_open(tmp_path: Path, whole: bytes) -> None:
    with answering(whole, closes=False) as uri:
        assert fetch(uri, tmp_path) == BODY


def test_that_a_body_of_no_told_length_ends_with_its_connection(tmp_path: Path) -> None:
    with answering(UNTIL_CLOSED + BODY, closes=True) as uri:
        assert fetch(uri, tmp_path) == BODY


@pytest.mark.parametrize(
    "cut",
    [COUNTED, COUNTED + BODY[:-1], CHUNKED, CHUNKED + BODY[:-1], CHUNKED + BODY, CHUNKED + BODY + b"\r\n"],
)
def test_that_a_body_which_breaks_off_is_no_source(tmp_path: Path, cut: bytes) -> None:
    with answering(cut, closes=True) as uri, pytest.raises(SourceUnavailable, match="cannot be fetched"):
        fetch(uri, tmp_path)
