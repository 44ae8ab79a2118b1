"""Are an output's bytes served as published, with a credential that can do nothing else, and never whole when they differ?"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from regen_api.objects.choose import objects_at
from regen_stack.s3 import ADMIN, READER
from regen_store.write_file import FileStore
from regen_store.write_s3 import S3Store, s3_client
from tests.integration.database.jobs import behind_the_guards, claim, complete, insert
from tests.integration.database.jobs import start as take_fence

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    import psycopg

    from regen_stack.s3 import S3Server
    from regen_store.port import Store
    from tests.integration.api.conftest import Start
    from tests.s3_fixtures import Bucket

    Connection = psycopg.Connection[Any]

JOBS = "/api/v1/regeneration-jobs"
SMALL = b"%PDF-1.7 a small page"
LARGE = hashlib.sha256(b"seed").digest() * 40_000


class World:
    """A COMPLETED job with real objects, and an API whose store is theirs."""

    def __init__(self, url: str, store: Store, superuser: Connection) -> None:
        self.url = url
        self.store = store
        self.superuser = superuser

    def publish(self, job_id: str, **changed: Any) -> dict[str, bytes]:
        """Publish small.pdf and large.bin with a manifest, then change columns of their rows behind the guards."""
        files = {"small.pdf": SMALL, "large.bin": LARGE}
        rows = [
            {
                "name": name,
                "ref": self.put(f"document/{job_id}/{name}", content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "sizeBytes": len(content),
                "mediaType": "application/pdf",
            }
            for name, content in files.items()
        ]
        manifest = self.put(f"document/{job_id}/manifest.json", b'{"version":1}')
        insert(self.superuser, job_id)
        claim(self.superuser)
        take_fence(self.superuser, job_id)
        assert complete(self.superuser, job_id, ref=manifest, outputs=rows) == "completed"
        for column, value in changed.items():
            statement = f'UPDATE public."RegenerationOutput" SET "{column}" = %s WHERE "jobId" = %s'
            if column == "ref":
                statement += " AND name = 'small.pdf'"
            behind_the_guards(self.superuser, "RegenerationOutput", statement, (value, job_id))
        return files

    def put(self, key: str, content: bytes) -> str:
        return self.store.put(key, content, hashlib.sha256(content).hexdigest(), "application/pdf")


@pytest.fixture(params=["file", "s3"])
def world(request: pytest.FixtureRequest, superuser: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    if request.param == "file":
        folder = tmp_path / "out puts"
        folder.mkdir()
        return World(folder.as_uri(), FileStore(folder), superuser)
    bucket: Bucket = request.getfixturevalue("bucket")
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment(READER).items():
        monkeypatch.setenv(name, value)
    name = bucket.url.removeprefix("s3://")
    return World(f"{bucket.url}/some prefix", S3Store(s3_client(bucket.environment), name, "some prefix"), superuser)


@pytest.fixture
async def client(start: Start, world: World) -> httpx.AsyncClient:
    url = world.url if world.url.startswith("file") else world.url.replace(" ", "%20")
    return await start(output_url=url)


@pytest.mark.parametrize("name", ["small.pdf", "large.bin"])
async def test_the_bytes_and_their_digest(client: httpx.AsyncClient, world: World, name: str) -> None:
    content = world.publish("j")[name]
    answer = await client.get(f"{JOBS}/j/outputs/{name}")
    assert answer.status_code == 200
    assert answer.content == content
    digest = hashlib.sha256(content)
    assert answer.headers["ETag"] == f'"{digest.hexdigest()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    again = await client.get(f"{JOBS}/j/outputs/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_manifest(client: httpx.AsyncClient, world: World) -> None:
    world.publish("j")
    answer = await client.get(f"{JOBS}/j/outputs/manifest.json")
    assert (answer.status_code, answer.json()) == (200, {"version": 1})


async def test_the_provenance(client: httpx.AsyncClient, world: World) -> None:
    world.publish("j")
    absent = await client.get(f"{JOBS}/j/outputs/provenance.intoto.jsonl")
    world.put("document/j/provenance.intoto.jsonl", b'{"payload":""}\n')
    answer = await client.get(f"{JOBS}/j/outputs/provenance.intoto.jsonl")
    assert (absent.status_code, answer.status_code, answer.content) == (404, 200, b'{"payload":""}\n')
    assert answer.headers["Content-Type"] == "application/vnd.in-toto.bundle"


async def test_other_bytes_of_the_same_size_break_off(client: httpx.AsyncClient, world: World) -> None:
    world.publish("j", sha256="0" * 64)
    for name in ("small.pdf", "large.bin"):
        async with client.stream("GET", f"{JOBS}/j/outputs/{name}") as answer:
            received = b"".join([piece async for piece in answer.aiter_bytes()])
        assert len(received) < int(answer.headers["Content-Length"])


async def test_another_size_is_a_bad_gateway(client: httpx.AsyncClient, world: World) -> None:
    world.publish("j", sizeBytes=7)
    answer = await client.get(f"{JOBS}/j/outputs/small.pdf")
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:regen:problem:output-damaged")


async def test_a_missing_object_is_a_bad_gateway(client: httpx.AsyncClient, world: World) -> None:
    base = world.url.replace(" ", "%20")
    world.publish("j", ref=f"{base}/document/j/gone.pdf")
    answer = await client.get(f"{JOBS}/j/outputs/small.pdf")
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:regen:problem:output-damaged")


OUTSIDE = {
    "another folder": "file:///etc/passwd",
    "upwards": "{base}/../../../../../../../../etc/passwd",
    "upwards, encoded": "{base}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "another bucket": "s3://another/document/j/a",
    "a name that begins alike": "{base}x/document",
    "the base": "{base}",
    "the web": "http://169.254.169.254/latest/meta-data",
    "NUL": "{base}/%00",
}


@pytest.mark.parametrize("what", OUTSIDE)
async def test_a_reference_outside_our_store_is_not_followed(client: httpx.AsyncClient, world: World, what: str) -> None:
    world.publish("j", ref=OUTSIDE[what].format(base=world.url.replace(" ", "%20")))
    answer = await client.get(f"{JOBS}/j/outputs/small.pdf")
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:regen:problem:output-damaged")


@pytest.mark.parametrize("name", ["b.pdf", "manifest.json"])
async def test_what_is_no_output_is_not_found(client: httpx.AsyncClient, world: World, name: str) -> None:
    insert(world.superuser, "waiting")
    assert (await client.get(f"{JOBS}/waiting/outputs/{name}")).status_code == 404


async def test_a_media_type_that_is_none_is_plain_bytes(client: httpx.AsyncClient, world: World) -> None:
    world.publish("j", mediaType="text/html\r\nSet-Cookie: a=b")
    answer = await client.get(f"{JOBS}/j/outputs/small.pdf")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "Set-Cookie" not in answer.headers


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    (outside / "secret").write_text("hush")
    (root / "file").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    objects = objects_at(root.as_uri(), {}, 1.0)
    for ref in (f"{root.as_uri()}/file", f"{root.as_uri()}/folder/secret"):
        with pytest.raises(Exception, match="expected a readable file"):
            objects.open(ref)


async def test_a_store_that_does_not_answer_is_a_503(
    start: Start, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    client = await start(output_url="s3://bucket", store_timeout_seconds=2)
    insert(superuser, "j")
    claim(superuser)
    take_fence(superuser, "j")
    folder = "s3://bucket/document/j"
    row = {"name": "a.pdf", "ref": f"{folder}/a.pdf", "sha256": "0" * 64, "sizeBytes": 1, "mediaType": "text/plain"}
    complete(superuser, "j", ref=f"{folder}/manifest.json", outputs=[row])
    answer = await client.get(f"{JOBS}/j/outputs/a.pdf")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_the_readers_credential_cannot_write_or_delete(bucket: Bucket, s3_server: S3Server) -> None:
    name = bucket.url.removeprefix("s3://")
    s3_client(s3_server.environment(ADMIN)).put_object(Bucket=name, Key="a", Body=b"x")
    reader = s3_client(s3_server.environment(READER))
    assert reader.get_object(Bucket=name, Key="a")["Body"].read() == b"x"
    for call in (
        lambda: reader.put_object(Bucket=name, Key="a", Body=b"y"),
        lambda: reader.put_object(Bucket=name, Key="b", Body=b"y"),
        lambda: reader.delete_object(Bucket=name, Key="a"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
