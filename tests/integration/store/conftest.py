"""One suite for every store (the port ``regen_store.port.Store``).

Real: both stores, the disk, the S3 server. Made up here: servers that misbehave in ways which no real one can be told to,
each a few lines of HTTP on loopback.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from regen_store.write import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regen_store.port import Store
    from tests.s3_fixtures import Bucket


@pytest.fixture(params=["file", "file-without-nameless-files", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Each store in turn, empty; the file store also as on a file system without ``O_TMPFILE``."""
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return open_store(f"{bucket.url}/outputs", bucket.environment)
    if request.param == "file-without-nameless-files":
        # An open for writing of a folder is what such a file system makes of O_TMPFILE (open(2): EISDIR).
        monkeypatch.setattr("os.O_TMPFILE", 0)
    return open_store(tmp_path.as_uri(), {})


def digest(body: bytes) -> str:
    """The SHA-256 of ``body`` as the store takes it."""
    return hashlib.sha256(body).hexdigest()


@contextmanager
def s3_that_answers(handler: type[BaseHTTPRequestHandler]) -> Iterator[dict[str, str]]:
    """The environment for a server on loopback that answers as ``handler`` does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield environment_of(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment_of(endpoint: str) -> dict[str, str]:
    """The AWS variables for an endpoint that looks at no credential."""
    return {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}


class SilentHandler(BaseHTTPRequestHandler):
    """A handler with nothing on standard error that answers as ``answers`` says."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
        """Says nothing."""

    def do_PUT(self) -> None:
        """Answers a put."""
        self.put()

    def do_GET(self) -> None:
        """Answers a get."""
        self.get()

    def do_HEAD(self) -> None:
        """Answers a head."""
        self.head()

    def put(self) -> None:
        """Said by whoever inherits."""
        self.refuse(405, "MethodNotAllowed")

    get = head = put

    def body(self) -> bytes:
        """What the client sent; botocore sends signed chunks only where it is told to."""
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Sends a whole answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        """Sends an S3 error."""
        self.answer(status, f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode())
