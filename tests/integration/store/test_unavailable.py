"""Is a store that cannot answer for now told from one that will never take the put?"""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import OutputExists, OutputRefused, SettingsInvalid, StoreUnavailable
from regen_store.errors import StoreDenied
from regen_store.port import StoredObject
from regen_store.write import open_store
from tests.integration.store.conftest import SilentHandler, digest, environment_of, s3_that_answers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3_fixtures import Bucket

KEY = "document/job-1/report.html"
OURS = b"ours"


def test_that_a_server_which_is_not_there_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        environment = environment_of(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(StoreUnavailable) as caught:
            open_store("s3://bucket/prefix", environment).put(KEY, OURS, digest(OURS), "text/html")
    assert caught.value.as_job_error().retryable
    assert caught.value.message == f"store: expected an answer for {KEY}, got EndpointConnectionError"


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("missing", "No such file or directory"),
        ("file", "Not a directory"),
        ("file/beneath", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("/sys", "Operation not permitted|Read-only file system|Permission denied"),
    ],
)
def test_that_a_folder_which_never_takes_it_is_denied(tmp_path: Path, root: str, said: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StoreDenied, match=said) as caught:
        open_store((tmp_path / root).as_uri(), {}).put(KEY, OURS, digest(OURS), "text/html")
    assert not caught.value.as_job_error().retryable
    assert not (tmp_path / "missing").exists()


WITHOUT_DESCRIPTORS = """
import hashlib, resource, sys
from regen_core.errors import StoreUnavailable
from regen_store.write import open_store

def put(key):
    store.put(key, b"ours", hashlib.sha256(b"ours").hexdigest(), "text/html")

store = open_store(sys.argv[1], {})
put("warm/" + sys.argv[2])
before = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
try:
    put(sys.argv[2])
except StoreUnavailable as error:
    print(error.message)
resource.setrlimit(resource.RLIMIT_NOFILE, before)
put(sys.argv[2])
"""
"""A process of its own: the tests' servers need their descriptors."""


def test_that_a_process_without_a_descriptor_left_may_try_again(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", WITHOUT_DESCRIPTORS, tmp_path.as_uri(), KEY]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Too many open files" in done.stdout


def test_that_a_missing_bucket_is_denied(bucket: Bucket) -> None:
    with pytest.raises(StoreDenied, match=r"NoSuchBucket|AccessDenied"):
        open_store("s3://no-such-bucket/outputs", bucket.environment).put(KEY, OURS, digest(OURS), "text/html")


def test_that_a_wrong_secret_is_denied_and_not_repeated(bucket: Bucket) -> None:
    environment = {**bucket.environment, "AWS_SECRET_ACCESS_KEY": "wrong-secret"}
    with pytest.raises(StoreDenied) as caught:
        open_store(f"{bucket.url}/outputs", environment).put(KEY, OURS, digest(OURS), "text/html")
    assert "wrong-secret" not in caught.value.message


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (409, "ConditionalRequestConflict"), (500, "InternalError")])
def test_that_a_passing_refusal_is_tried_again(status: int, code: str) -> None:
    puts: list[bytes] = []

    class RefusesOnce(SilentHandler):
        def put(self) -> None:
            puts.append(self.body())
            if len(puts) == 1:
                self.refuse(status, code)
            else:
                self.answer(200, ETag='"x"')

    with s3_that_answers(RefusesOnce) as environment:
        open_store("s3://bucket/prefix", environment).put(KEY, OURS, digest(OURS), "text/html")
    assert puts == [OURS, OURS]


def test_that_a_lost_answer_followed_by_our_own_bytes_is_success() -> None:
    puts: list[bytes] = []

    class LosesTheAnswer(SilentHandler):
        def put(self) -> None:
            puts.append(self.body())
            if len(puts) == 1:
                self.close_connection = True
            else:
                self.refuse(412, "PreconditionFailed")

        def head(self) -> None:
            self.answer(200, puts[0], ETag='"x"')  # a server that keeps no checksum

        def get(self) -> None:
            self.answer(200, puts[0], ETag='"x"')

    with s3_that_answers(LosesTheAnswer) as environment:
        open_store("s3://bucket/prefix", environment).put(KEY, OURS, digest(OURS), "text/html")
    assert puts == [OURS, OURS]


def test_that_other_bytes_are_found_where_the_server_keeps_no_checksum() -> None:
    class HoldsOthers(SilentHandler):
        def put(self) -> None:
            self.body()
            self.refuse(412, "PreconditionFailed")

        def head(self) -> None:
            self.answer(200, b"them")

        def get(self) -> None:
            self.answer(200, b"them")

    with s3_that_answers(HoldsOthers) as environment, pytest.raises(OutputExists):
        open_store("s3://bucket/prefix", environment).put(KEY, OURS, digest(OURS), "text/html")


def test_that_a_composite_checksum_is_not_taken_for_the_objects() -> None:
    class StoredInParts(SilentHandler):
        def head(self) -> None:
            self.answer(200, OURS, x_amz_checksum_sha256="x" * 43 + "=-2")

        def get(self) -> None:
            self.answer(200, OURS)

    with s3_that_answers(StoredInParts) as environment:
        assert open_store("s3://bucket/prefix", environment).head(KEY) == StoredObject(len(OURS), digest(OURS))


def test_that_403_may_mean_that_nothing_lies_there() -> None:
    class HidesAbsence(SilentHandler):
        def head(self) -> None:
            self.answer(403)

    with s3_that_answers(HidesAbsence) as environment:
        assert open_store("s3://bucket/prefix", environment).head(KEY) is None


def test_that_a_taken_key_which_cannot_be_seen_is_unavailable_in_the_end() -> None:
    class HidesTheWinner(SilentHandler):
        def put(self) -> None:
            self.body()
            self.refuse(412, "PreconditionFailed")

        def head(self) -> None:
            self.answer(403)

    with s3_that_answers(HidesTheWinner) as environment, pytest.raises(StoreUnavailable, match="412"):
        open_store("s3://bucket/prefix", environment).put(KEY, OURS, digest(OURS), "text/html")


def test_that_a_digest_that_the_server_refutes_is_refused() -> None:
    class Recounts(SilentHandler):
        def put(self) -> None:
            self.body()
            self.refuse(400, "BadDigest")

    with s3_that_answers(Recounts) as environment, pytest.raises(OutputRefused, match="expected bytes with SHA-256"):
        open_store("s3://bucket/prefix", environment).put(KEY, OURS, digest(OURS), "text/html")


@pytest.mark.parametrize(
    "url", ["", "ftp://host/x", "file://host/x", "file:relative", "s3://", "s3://UPPER/x", "s3://bucket/a/../b", "s3://b?x=1"]
)
def test_that_another_url_is_no_store(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="REGEN_OUTPUT_URL: expected s3://bucket/prefix or file:///"):
        open_store(url, {})
