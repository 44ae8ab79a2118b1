"""Is a store that cannot be read told from one that lacks the object, before its first byte and in the middle?"""

from __future__ import annotations

import errno
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from regen_api.objects.download import Downloads
from regen_api.objects.port import OpenObject
from regen_api.objects.s3 import S3Objects, s3_reader
from regen_core.errors import StoreUnavailable
from regen_stack.s3 import READER
from tests.integration.api.program import KEY, running
from tests.integration.database.jobs import claim, complete, fail_run, insert
from tests.integration.database.jobs import start as take_fence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from regen_stack.s3 import S3Server
    from tests.database_fixtures import Database
    from tests.integration.api.conftest import Start
    from tests.s3_fixtures import Bucket

SIZE = 1000
BEGIN = b"the begin"
WRONG = {"an unknown key": {"AWS_ACCESS_KEY_ID": "nobody"}, "a wrong secret": {"AWS_SECRET_ACCESS_KEY": "wrong"}}


@pytest.fixture(params=WRONG)
def refused(request: pytest.FixtureRequest, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has a key that the store refuses."""
    for name, value in (s3_server.environment(READER) | WRONG[request.param]).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("refused")
async def test_a_key_that_the_store_refuses_says_nothing_of_the_object(
    start: Start, superuser: psycopg.Connection[Any], bucket: Bucket
) -> None:
    insert(superuser, "j")
    claim(superuser)
    take_fence(superuser, "j")
    fail_run(superuser, "j")
    client = await start(output_url=f"{bucket.url}/prefix")
    answer = await client.get("/api/v1/regeneration-jobs/j/log")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:regen:problem:unavailable")


@pytest.fixture
def reader(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has a key that may read."""
    for name, value in s3_server.environment(READER).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("lost", ["a folder", "a folder that is a file", "a bucket"])
async def test_a_store_that_is_not_there_says_nothing_of_the_object(
    start: Start, superuser: psycopg.Connection[Any], tmp_path: Path, lost: str
) -> None:
    folder = tmp_path / "mount"
    if lost == "a folder that is a file":
        folder.touch()
    url = "s3://nobodys-bucket" if lost == "a bucket" else folder.as_uri()
    insert(superuser, "j")
    insert(superuser, "failed")
    claim(superuser)
    take_fence(superuser, "j")
    row = {"name": "a", "ref": f"{url}/document/j/a", "sha256": "0" * 64, "sizeBytes": SIZE, "mediaType": "text/plain"}
    complete(superuser, "j", ref=f"{url}/document/j/manifest.json", outputs=[row])
    take_fence(superuser, "failed")
    fail_run(superuser, "failed")
    client = await start(output_url=url)
    for path in ("j/outputs/a", "j/outputs/manifest.json", "failed/log"):
        answer = await client.get(f"/api/v1/regeneration-jobs/{path}")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:regen:problem:unavailable")


class Breaking:
    """An S3 server that sends the begin of an object, and then closes the connection or says no more until it ends."""

    def __init__(self, *, closes: bool) -> None:
        self.ended = threading.Event()
        breaking = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(SIZE))
                self.end_headers()
                self.wfile.write(BEGIN)
                self.wfile.flush()
                if not closes:
                    breaking.ended.wait()
                self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(params=["closes", "says no more"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    breaking = Breaking(closes=request.param == "closes")
    thread = threading.Thread(target=breaking.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{breaking.server.server_address[1]}"
    breaking.ended.set()
    breaking.server.shutdown()
    breaking.server.server_close()
    thread.join()


async def test_an_object_that_breaks_off_in_the_middle(endpoint: str) -> None:
    environ = {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    downloads = Downloads(S3Objects(s3_reader(environ, timeout_seconds=0.5), "s3://bucket"), timeout_seconds=60)
    try:
        found = await downloads.find("s3://bucket/a")
        assert found is not None
        with pytest.raises(StoreUnavailable, match="expected the whole object"):
            async for _ in downloads.pieces("s3://bucket/a", found, None):
                pass
    finally:
        downloads.close()


@pytest.mark.parametrize("what", ["output", "log"])
def test_a_download_that_breaks_off_is_one_line_in_the_log(
    superuser: psycopg.Connection[Any], database: Database, tmp_path: Path, endpoint: str, what: str
) -> None:
    insert(superuser, "j")
    claim(superuser)
    take_fence(superuser, "j")
    if what == "log":
        fail_run(superuser, "j")
    else:
        folder = "s3://bucket/document/j"
        row = {"name": "a", "ref": f"{folder}/a", "sha256": "0" * 64, "sizeBytes": SIZE, "mediaType": "text/plain"}
        complete(superuser, "j", ref=f"{folder}/manifest.json", outputs=[row])
    store = {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    with running(database, tmp_path, REGEN_OUTPUT_URL="s3://bucket", REGEN_STORE_TIMEOUT_SECONDS="0.5", **store) as program:
        url = f"{program.url}/api/v1/regeneration-jobs/j/{'log' if what == 'log' else 'outputs/a'}"
        headers = {"Authorization": f"Bearer {KEY}"}
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url, headers=headers, timeout=30, trust_env=False)
        assert program.end() == 0
    [error] = [line for line in program.lines if line["level"] == "error"]
    assert error["event"] == "an answer broke off"
    assert str(error["error"]).startswith("store: expected the whole object, got ")
    assert error["request_id"] == next(line["request_id"] for line in program.lines if line["event"] == "request")


class Failing:
    """A file whose disk fails."""

    def open(self, ref: str) -> OpenObject:
        assert ref == "file:///a"
        return OpenObject(self, SIZE)

    def read(self, size: int, /) -> bytes:
        assert size > 0
        raise OSError(errno.EIO, "Input/output error")

    def close(self) -> None:
        pass


async def test_a_disk_that_fails_in_the_middle() -> None:
    downloads = Downloads(Failing(), timeout_seconds=60)
    try:
        found = await downloads.find("file:///a")
        assert found is not None
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            async for _ in downloads.pieces("file:///a", found, None):
                pass
    finally:
        downloads.close()
