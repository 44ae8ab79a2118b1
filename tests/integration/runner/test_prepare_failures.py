"""Does a job whose instruction or sources are wrong end FAILED, by name, without its executor?"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from regen_store.write_s3 import s3_client
from tests.integration.runner.pods import INSTRUCTION, Pod, add_job, job_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.database_fixtures import Database
    from tests.s3_fixtures import Bucket

CONTENT = b"the source's bytes"
LARGE = bytes(1 << 20)
REDIRECTS = {
    "/moved": "/data",
    "/loop": "/loop",
    "/to-file": "file:///etc/passwd",
    "/to-metadata": "http://169.254.169.254/latest/meta-data/",
    "/to-no-host": "http://a..b/data",
    "/to-no-uri": "http://[",
}


class _Site(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/flaky" and self.asked.count("/flaky") == 1:
            self._answer(503)
        elif self.path in {"/data", "/flaky"}:
            self._answer(200, CONTENT)
        elif self.path == "/large":
            self._answer(200, LARGE)
        elif self.path == "/cut":
            self._answer(200, CONTENT[:4], length=len(CONTENT))
        elif self.path in REDIRECTS:
            self._answer(302, location=REDIRECTS[self.path])
        else:
            self._answer(404)

    def _answer(self, status: int, body: bytes = b"", location: str | None = None, length: int | None = None) -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
        """Says nothing."""


@pytest.fixture
def site(pod: Pod) -> Iterator[str]:
    """A web site on loopback, listed as a host of sources."""
    pod.extra["REGEN_SOURCE_HOSTS"] = "127.0.0.1"
    handler = type("Site", (_Site,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


UNREACHABLE = "source data.csv: cannot be fetched. The pod's log has the cause."
NOT_READABLE = "source data.csv: there is no such object, or the credential for sources cannot read it"


def with_source(uri: str, content: bytes = CONTENT, name: str = "data.csv") -> dict[str, Any]:
    source = {"name": name, "uri": uri, "sha256": hashlib.sha256(content).hexdigest()}
    return {**INSTRUCTION, "sources": [source]}


def failure(pod: Pod, database: Database, limits: str = "") -> dict[str, Any]:
    """What prepare failed the job with."""
    assert pod.run("prepare", limits)[0] == 65
    status, _, error = job_of(database)
    assert status == "FAILED"
    assert error is not None
    assert error["message"] in pod.message()
    assert not pod.path("in", "go").exists()
    return error


@pytest.mark.parametrize("path", ["/data", "/moved", "/flaky"])
def test_that_an_http_source_is_there_before_the_go_file(pod: Pod, database: Database, site: str, path: str) -> None:
    add_job(database, with_source(site + path))
    assert pod.run("prepare")[0] == 0
    assert pod.path("in", "sources", "data.csv").read_bytes() == CONTENT
    assert [entry.name for entry in pod.path("in", "sources").iterdir()] == ["data.csv"]


def test_that_an_s3_source_is_fetched_with_the_stores_credentials(pod: Pod, database: Database, bucket: Bucket) -> None:
    name = bucket.url.removeprefix("s3://")
    s3_client(bucket.environment).put_object(Bucket=name, Key="data/a b.csv", Body=CONTENT)
    pod.extra.update(bucket.environment)
    add_job(database, with_source(f"{bucket.url}/data/a%20b.csv"))
    assert pod.run("prepare")[0] == 0
    assert pod.path("in", "sources", "data.csv").read_bytes() == CONTENT


def test_that_a_missing_s3_source_is_named(pod: Pod, database: Database, bucket: Bucket) -> None:
    pod.extra.update(bucket.environment)
    add_job(database, with_source(f"{bucket.url}/missing"))
    assert failure(pod, database)["message"] == NOT_READABLE


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({}, UNREACHABLE),
        ({"AWS_SESSION_TOKEN": "hunter2\n"}, "AWS_SESSION_TOKEN: expected printable characters on one line"),
        ({"AWS_ENDPOINT_URL_S3": "http://ada:hunter2@127.0.0.1:9"}, "AWS_ENDPOINT_URL_S3: expected a URL"),
    ],
)
def test_that_no_setting_of_the_store_is_repeated(pod: Pod, database: Database, setting: dict[str, str], message: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        pod.extra.update({"AWS_ENDPOINT_URL_S3": nobody, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"} | setting)
        pod.extra["REGEN_SOURCE_RETRY_SECONDS"] = "0"
        add_job(database, with_source("s3://bucket/key"))
        error = failure(pod, database)
    assert error["message"].startswith(message)
    assert "hunter2" not in error["message"] + pod.message()


def test_that_a_wrong_instruction_is_named(pod: Pod, database: Database) -> None:
    add_job(database, {**INSTRUCTION, "inputs": "text"})
    error = failure(pod, database)
    assert (error["classification"], error["retryable"], error["detail"]) == ("validation", False, {"field": "inputs"})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/gone", "source data.csv: the server returned HTTP status 404"),
        ("/to-file", "source data.csv: the server redirects from http to file"),
        ("/to-no-host", "source data.csv: the host of an HTTP source must be one of 127.0.0.1"),
        ("/to-no-uri", "source data.csv: the server redirects to something that is not a URI"),
        ("/loop", "source data.csv: the server redirects more than 5 times"),
    ],
)
def test_that_a_source_which_will_not_come_is_named(pod: Pod, database: Database, site: str, path: str, message: str) -> None:
    add_job(database, with_source(site + path))
    error = failure(pod, database)
    assert (error["classification"], error["message"]) == ("validation", message)


@pytest.mark.parametrize(
    ("uri", "hosts"),
    [
        ("http://2852039166/latest/meta-data/", ""),  # 169.254.169.254 as one number
        ("http://2852039166/latest/meta-data/", "2852039166"),
        ("{site}/to-metadata", "127.0.0.1 169.254.169.254"),
        ("{site}/data", ""),  # loopback, not listed
        ("http://localhost:{closed}/", ""),
        ("http://127.0.0.1:{closed}/", "127.0.0.1"),  # listed, and nothing listens
    ],
)
def test_an_unreachable_address_has_one_message_whatever_the_cause(
    pod: Pod, database: Database, site: str, uri: str, hosts: str
) -> None:
    """A job must not learn which addresses and ports exist."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pod.extra.update({"REGEN_SOURCE_HOSTS": hosts, "REGEN_SOURCE_RETRY_SECONDS": "0"})
        add_job(database, with_source(uri.format(site=site, closed=unused.getsockname()[1])))
        error = failure(pod, database)
    assert (error["classification"], error["retryable"], error["message"]) == ("lost", True, UNREACHABLE)


def test_two_jobs_cannot_read_another_jobs_output(pod: Pod, database: Database, bucket: Bucket) -> None:
    """With a wrong digest the first would learn the right one, and the second could use it."""
    name = bucket.url.removeprefix("s3://")
    s3_client(bucket.environment).put_object(Bucket=name, Key="outputs/document/other/secret.csv", Body=CONTENT)
    pod.extra.update(bucket.environment | {"REGEN_OUTPUT_URL": f"{bucket.url}/outputs"})
    add_job(database, with_source(f"{bucket.url}/outputs/document/other/secret.csv"))
    assert failure(pod, database)["message"] == "source data.csv: objects under the store of outputs cannot be sources"


def test_an_object_without_permission_looks_like_a_missing_one(pod: Pod, database: Database, bucket: Bucket) -> None:
    pod.extra.update(bucket.environment | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    add_job(database, with_source(f"{bucket.url}/anything"))
    assert failure(pod, database)["message"] == NOT_READABLE


@pytest.mark.parametrize(
    "host", ["a..b", ".example", f"{'a' * 64}.example", "exa mple", "\N{LATIN SMALL LETTER U WITH DIAERESIS}..b"]
)
def test_that_a_host_which_is_no_name_is_told_at_once(pod: Pod, database: Database, host: str) -> None:
    add_job(database, with_source(f"http://{host}/data"))
    error = failure(pod, database)
    assert (error["classification"], error["retryable"], error["detail"]) == ("validation", False, {"source": "data.csv"})
    assert error["message"].startswith("source data.csv: the URI ")


def test_that_a_volume_which_takes_no_more_is_not_the_servers_fault(pod: Pod, database: Database, site: str) -> None:
    add_job(database, with_source(f"{site}/large", LARGE))
    error = failure(pod, database, limits="ulimit -f 8")
    assert (error["classification"], error["retryable"]) == ("internal", False)
    assert error["message"].startswith(
        "prepare: expected to write the executor's input, got OSError: [Errno 27] File too large"
    )


def test_that_another_digest_is_named(pod: Pod, database: Database, site: str) -> None:
    add_job(database, with_source(f"{site}/data", b"other bytes"))
    error = failure(pod, database)
    assert error["classification"] == "validation"
    assert error["message"].startswith("source data.csv: its SHA-256 is not the one in the instruction")
    found = hashlib.sha256(CONTENT).hexdigest()
    assert found not in json.dumps(error) + pod.message()


def test_that_a_source_which_is_too_large_is_named(pod: Pod, database: Database, site: str) -> None:
    pod.extra["REGEN_MAX_SOURCE_BYTES"] = "10"
    add_job(database, with_source(f"{site}/data"))
    assert "source data.csv: all sources together may have at most 10 bytes" in failure(pod, database)["message"]


def test_that_a_source_which_breaks_off_is_lost_and_retryable(pod: Pod, database: Database, site: str) -> None:
    pod.extra["REGEN_SOURCE_RETRY_SECONDS"] = "0"
    add_job(database, with_source(f"{site}/cut"))
    error = failure(pod, database)
    assert (error["classification"], error["retryable"]) == ("lost", True)


def test_that_a_file_source_needs_permission(pod: Pod, database: Database, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    add_job(database, with_source(source.as_uri()))
    assert failure(pod, database)["message"] == "source data.csv: the scheme must be https, http or s3, not file"


def test_that_a_folder_is_no_file_source(pod: Pod, database: Database, tmp_path: Path) -> None:
    pod.extra["REGEN_ALLOW_FILE_SOURCES"] = "true"
    add_job(database, with_source(tmp_path.as_uri()))
    error = failure(pod, database)
    assert (error["classification"], error["retryable"]) == ("validation", False)
    assert error["message"].startswith("source data.csv: the file cannot be read: [Errno 21] Is a directory")


def test_that_a_permitted_file_source_is_read(pod: Pod, database: Database, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    pod.extra["REGEN_ALLOW_FILE_SOURCES"] = "true"
    add_job(database, with_source(source.as_uri()))
    assert pod.run("prepare")[0] == 0
    assert pod.path("in", "sources", "data.csv").read_bytes() == CONTENT


def test_that_a_full_volume_ends_the_job_as_internal(pod: Pod, database: Database) -> None:
    add_job(database)
    pod.path("in", "instruction.json").mkdir()  # what cannot be created, whoever asks
    error = failure(pod, database)
    assert error["classification"] == "internal"
    assert "expected to write the executor's input" in error["message"]
