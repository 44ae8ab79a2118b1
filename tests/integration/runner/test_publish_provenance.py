"""Does every COMPLETED job and no other get its provenance, in each store, signed where there is a key?"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from regen_core.canonical import canonical_json, sha256_hex
from regen_core.errors import Classification, JobError
from regen_core.names import LOG_NAME
from regen_core.provenance import parse_bundle
from regen_store.port import PROBE_KEY
from regen_store.write import open_store
from regen_store.write_s3 import s3_client
from tests.integration.runner.keys import make_key_pair
from tests.integration.runner.pods import INSTRUCTION, Pod, add_job, job_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.database_fixtures import Database
    from tests.s3_fixtures import Bucket

NAME = "provenance.intoto.jsonl"
KEY = f"document/job1/{NAME}"
DIGEST = "0" * 64
SOURCES = [
    {"name": "data.csv", "uri": "https://ada:secret-1@files.example/data.csv?X-Amz-Signature=secret-2#x", "sha256": DIGEST},
    {"name": "more.csv", "uri": "s3://bucket/more.csv", "sha256": "1" * 64},
]


@pytest.fixture(params=["file", "s3"])
def published(request: pytest.FixtureRequest, pod: Pod, database: Database) -> Pod:
    """A pod whose prepare and execute are done, with each store in turn."""
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        pod.output_url = f"{bucket.url}/outputs"
        pod.extra.update(bucket.environment)
    add_job(database)
    pod.fenced(database)
    pod.leave(b_txt=b"two", a_txt=b"one")
    return pod


def stored(pod: Pod, key: str = KEY) -> bytes | None:
    """The object's bytes, read past the port."""
    parts = urlsplit(pod.output_url)
    if parts.scheme == "s3":
        client = s3_client(pod.environment())
        prefix = f"{parts.path.strip('/')}/"
        found = client.list_objects_v2(Bucket=parts.netloc, Prefix=f"{prefix}{key}").get("Contents", [])
        return client.get_object(Bucket=parts.netloc, Key=f"{prefix}{key}")["Body"].read() if found else None
    path = pod.root.parent / "outputs" / key
    return path.read_bytes() if path.exists() else None


def statement(pod: Pod) -> dict[str, Any]:
    content = stored(pod)
    assert content is not None
    return dict(parse_bundle(content).statement)


def test_what_it_says(published: Pod) -> None:
    published.extra |= {"REGEN_IMAGE": f"registry.example/runner@sha256:{DIGEST}", "REGEN_BUILDER_ID": "https://example.com/b"}
    assert published.run("publish")[0] == 0
    ref = f"{published.output_url}/document/job1"
    instruction = {"digest": {"sha256": sha256_hex(canonical_json(INSTRUCTION))}}
    image = {"name": "image", "uri": f"registry.example/runner@sha256:{DIGEST}", "digest": {"sha256": DIGEST}}
    assert statement(published) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": name,
                "uri": f"{ref}/{name}",
                "digest": {"sha256": sha256_hex(body)},
                "mediaType": "text/plain",
                "annotations": {"sizeBytes": 3},
            }
            for name, body in (("a.txt", b"one"), ("b.txt", b"two"))
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://regeneration.dev/provenance/job/v1",
                "externalParameters": {"type": "document", "instruction": instruction},
                "internalParameters": {
                    "executor": {"name": "document", "version": "1.0"},
                    "reproducible": True,
                    "sandbox": {"landlock": 5},
                },
                "resolvedDependencies": [image],
            },
            "runDetails": {
                "builder": {"id": "https://example.com/b"},
                "metadata": {
                    "invocationId": "job1",
                    "startedOn": "2026-01-01T00:00:00.000Z",
                    "finishedOn": "2026-01-01T00:00:01.000Z",
                },
            },
        },
    }


def test_the_manifest_names_it_by_its_digest(published: Pod) -> None:
    assert published.run("publish")[0] == 0
    content, manifest = stored(published), stored(published, "document/job1/manifest.json")
    assert content is not None
    assert manifest is not None
    assert json.loads(manifest)["provenance"] == {"name": NAME, "sha256": sha256_hex(content), "sizeBytes": len(content)}


def test_another_implementation_accepts_the_signature_and_no_other_key(published: Pod, tmp_path: Path) -> None:
    private, public = make_key_pair(tmp_path)
    _, other = make_key_pair(tmp_path, "other")
    published.extra["REGEN_SIGNING_KEY_FILE"] = str(private)
    assert published.run("publish")[0] == 0
    content = stored(published)
    assert content is not None
    [signature] = json.loads(content)["signatures"]

    def accepted(path: Path, envelope: dict[str, Any]) -> None:
        key = SSlibKey.from_crypto(load_pem_public_key(path.read_bytes()), keyid=signature["keyid"])
        Envelope.from_dict(envelope).verify([key], 1)

    accepted(public, json.loads(content))
    with pytest.raises(VerificationError):
        accepted(other, json.loads(content))
    changed = json.loads(content)
    changed["payload"] = "e30="
    with pytest.raises(VerificationError):
        accepted(public, changed)


def test_without_a_key_it_is_not_signed_and_says_so_in_the_log(published: Pod) -> None:
    status, lines = published.run("publish")
    content = stored(published)
    assert (status, content is not None) == (0, True)
    assert json.loads(content or b"")["signatures"] == []
    assert [line["signed"] for line in lines if line["step"] == "provenance made"] == [False]


def test_publishing_again_meets_its_own_bytes(published: Pod, database: Database, tmp_path: Path) -> None:
    published.extra["REGEN_SIGNING_KEY_FILE"] = str(make_key_pair(tmp_path)[0])
    assert published.run("publish")[0] == 0
    before = stored(published)
    status, lines = published.run("publish")
    assert (status, stored(published)) == (0, before)
    assert "already" in [line.get("outcome") for line in lines]


def test_a_publish_that_died_before_its_manifest_meets_its_own_bytes(
    pod: Pod, database: Database, outputs: Path, tmp_path: Path
) -> None:
    add_job(database)
    pod.fenced(database)
    pod.leave(a_txt=b"one")
    pod.extra["REGEN_SIGNING_KEY_FILE"] = str(make_key_pair(tmp_path)[0])
    pod.extra["REGEN_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nowhere"
    manifest = outputs / "document" / "job1" / "manifest.json"
    with pod.begin("publish") as process:
        while not manifest.exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    manifest.unlink()
    before = stored(pod)
    del pod.extra["REGEN_DATABASE_URL"]
    assert pod.run("publish")[0] == 0
    assert (job_of(database)[0], stored(pod)) == ("COMPLETED", before)
    assert manifest.exists()


def test_the_sources_are_named_without_what_opens_them(pod: Pod, database: Database, outputs: Path) -> None:
    instruction = {**INSTRUCTION, "sources": SOURCES}
    add_job(database, instruction)
    pod.fenced(database)
    pod.path("in", "instruction.json").write_bytes(canonical_json(instruction))
    pod.leave(a_txt=b"one")
    assert pod.run("publish")[0] == 0
    found = statement(pod)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert found == [
        {"name": "sources/data.csv", "uri": "https://files.example/data.csv", "digest": {"sha256": DIGEST}},
        {"name": "sources/more.csv", "uri": "s3://bucket/more.csv", "digest": {"sha256": "1" * 64}},
    ]


def test_an_image_without_a_digest_is_named_without(pod: Pod, database: Database) -> None:
    add_job(database)
    pod.fenced(database)
    pod.leave(a_txt=b"one")
    pod.extra["REGEN_IMAGE"] = "runner:1"
    assert pod.run("publish")[0] == 0
    found = statement(pod)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert found == [{"name": "image", "uri": "runner:1"}]


@pytest.mark.parametrize("ending", ["an error of the executor", "a refused file", "other bytes at an artifact's key"])
def test_a_failed_job_gets_none(published: Pod, database: Database, ending: str) -> None:
    if ending == "an error of the executor":
        published.leave(error=JobError(Classification.EXECUTOR, "no"), a_txt=b"one")
    elif ending == "a refused file":
        published.path("out", "b.txt").unlink()
        published.path("out", "b.txt").symlink_to("/etc/passwd")
    else:
        other = b"someone's"
        open_store(published.output_url, published.environment()).put(
            "document/job1/b.txt", other, sha256_hex(other), "text/plain"
        )
    assert published.run("publish")[0] == 0
    assert job_of(database)[0] == "FAILED"
    assert stored(published) is None


def test_other_bytes_at_its_key_fail_the_job_before_its_manifest(published: Pod, database: Database) -> None:
    other = b"{}\n"
    open_store(published.output_url, published.environment()).put(KEY, other, sha256_hex(other), "text/plain")
    assert published.run("publish")[0] == 0
    status, _, error = job_of(database)
    assert error is not None
    assert (status, error["classification"]) == ("FAILED", "output")
    assert stored(published) == other
    assert stored(published, "document/job1/manifest.json") is None


def _rsa() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [None, b"", b"not a key", "of another kind", "with a password", "the public key"])
def test_a_wrong_key_fails_the_job_by_name_and_stores_nothing(
    pod: Pod, database: Database, outputs: Path, tmp_path: Path, content: bytes | str | None
) -> None:
    add_job(database)
    pod.fenced(database)
    pod.leave(a_txt=b"one")
    path = tmp_path / "wrong.pem"
    private, public = make_key_pair(tmp_path)
    if content == "the public key":
        path = public
    elif content == "of another kind":
        path.write_bytes(_rsa())
    elif content == "with a password":
        key = load_pem_private_key(private.read_bytes(), None)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret-word")))
    elif isinstance(content, bytes):
        path.write_bytes(content)
    pod.extra["REGEN_SIGNING_KEY_FILE"] = str(path)
    assert pod.run("publish")[0] == 0
    _, _, error = job_of(database)
    assert error is not None
    assert error["classification"] == "internal"
    assert error["message"].startswith("REGEN_SIGNING_KEY_FILE: expected a PEM file with an Ed25519 private key")
    assert list(outputs.iterdir()) == []


def test_a_wrong_key_keeps_the_log_and_no_output(pod: Pod, database: Database, outputs: Path, tmp_path: Path) -> None:
    add_job(database)
    pod.fenced(database)
    pod.leave(a_txt=b"one")
    pod.path("result", LOG_NAME).write_bytes(b"said\n")
    pod.extra["REGEN_SIGNING_KEY_FILE"] = str(tmp_path / "missing.pem")
    assert pod.run("publish")[0] == 0
    assert job_of(database)[0] == "FAILED"
    assert sorted(path.name for path in outputs.rglob("*") if path.is_file()) == [PROBE_KEY, LOG_NAME]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGEN_SIGNING_KEY_FILE", "key.pem"),
        ("REGEN_BUILDER_ID", "no uri"),
        ("REGEN_BUILDER_ID", "plain"),
        ("REGEN_BUILDER_ID", "http://["),
    ],
)
def test_a_wrong_setting_stops_the_program_by_name(pod: Pod, name: str, value: str) -> None:
    pod.extra[name] = value
    with pod.begin("publish") as process:
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output.startswith(f"regen-runner publish: {name}: expected")) == (2, True)
