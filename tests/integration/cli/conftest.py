"""The command line for people, from its entry point, with environment variables.

In: arguments, standard input, settings. Checked: standard output, standard error, the exit status, files, rows. Real: the
database with the logins of each role, both stores, and their contents, which the runner's own code puts there; the API's server
where the command goes over it, which ``either`` makes it do in turn. Made up here:
a kubectl of a few lines, where the cluster is to be wrong. Nothing is mocked.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import structlog

from regen_api.settings import Settings
from regen_core.canonical import instruction_digest, sha256_hex
from regen_core.manifest import Manifest, OutputRow, ProvenanceObject
from regen_core.names import PROVENANCE_NAME, artifact_key
from regen_core.provenance import Builder
from regen_runner.publish.attestation import Attestor, load_signer
from regen_store.write import open_store
from tests.api_server import serving
from tests.integration.cli.command import Command
from tests.integration.database.jobs import NONCE, claim, complete, fail_run, insert, instruction, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import psycopg

    from regen_store.port import Store
    from tests.database_fixtures import Database
    from tests.s3_fixtures import Bucket

KEY = "the static key of the tests"
FILES = {"a.txt": b"the first file\n", "b.txt": b"the second file\n"}


@dataclass(slots=True)
class World:
    """A database and a store, with jobs that went through the product's own functions."""

    database: Database
    superuser: psycopg.Connection[Any]
    output_url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    api_url: str | None = None
    """Where the API is served; None is straight on the database."""

    @property
    def store(self) -> Store:
        """The store as a runner opens it."""
        return open_store(self.output_url, self.environment)

    @property
    def regen(self) -> Command:
        """The command as a login that only reads."""
        return self._command(self.database.readonly_url)

    @property
    def api(self) -> Command:
        """The command as the login that may insert."""
        return self._command(self.database.api_url)

    def pending(self, job_id: str, **options: Any) -> str:
        """A job that waits."""
        return insert(self.superuser, job_id, **options)

    def running(self, job_id: str) -> str:
        """A job that was claimed and started."""
        insert(self.superuser, job_id)
        claim(self.superuser)
        assert start(self.superuser, job_id) == "started"
        return job_id

    def failed(self, job_id: str, error: dict[str, Any] | None = None) -> str:
        """A job whose pod said that it failed."""
        assert fail_run(self.superuser, self.running(job_id), error=error) == "failed"
        return job_id

    def completed(
        self, job_id: str, files: Mapping[str, bytes] = FILES, *, key: Path | None = None, attested: bool = True, **fields: Any
    ) -> str:
        """A job whose objects lie in the store, the manifest last; ``key`` signs, ``fields`` are the manifest's."""
        self.running(job_id)
        rows = tuple(self._put(job_id, name, content) for name, content in sorted(files.items()))
        values: dict[str, Any] = {
            "job_id": job_id,
            "type": "document",
            "instruction_sha256": instruction_digest(instruction()),
            "executor": "document",
            "executor_version": "1",
            "reproducible": True,
            "sandbox": {},
            "started_at": "2026-01-01T00:00:00Z",
            "finished_at": "2026-01-01T00:00:01Z",
            "artifacts": rows,
        }
        manifest = Manifest(**(values | fields))
        if attested:
            signer = None if key is None else load_signer(key)
            bundle = Attestor(Builder("https://example.com/builder", None), (), signer).bundle(manifest)
            self.put(artifact_key("document", job_id, PROVENANCE_NAME), bundle)
            manifest = replace(manifest, provenance=ProvenanceObject(PROVENANCE_NAME, sha256_hex(bundle), len(bundle)))
        ref = self.put(artifact_key("document", job_id, "manifest.json"), manifest.as_bytes())
        outputs = [row.as_json() for row in rows]
        assert complete(self.superuser, job_id, nonce=NONCE, ref=ref, outputs=outputs) == "completed"
        return job_id

    def put(self, key: str, content: bytes) -> str:
        """Puts an object beneath the prefix; answers its URL."""
        return self.store.put(key, content, sha256_hex(content), "text/plain")

    def behind_the_guards(self, statement: str, *parameters: Any) -> None:
        """What no guard lets through, done as a superuser who switches them off for it."""
        tables = ("RegenerationJob", "RegenerationRun", "RegenerationOutput", "AuditEvent")
        for table in tables:
            self.superuser.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL')
        self.superuser.execute(statement, parameters)
        for table in tables:
            self.superuser.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER ALL')

    def _put(self, job_id: str, name: str, content: bytes) -> OutputRow:
        ref = self.put(artifact_key("document", job_id, name), content)
        return OutputRow(name, ref, sha256_hex(content), len(content), "text/plain")

    def _command(self, url: str) -> Command:
        if self.api_url is not None:
            return Command({"REGEN_API_URL": self.api_url, "REGEN_API_TOKEN": KEY})
        return Command({"REGEN_DATABASE_URL": url, "REGEN_OUTPUT_URL": self.output_url, **self.environment})


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Whom no grant binds."""
    with database.connect() as connection:
        yield connection


@pytest.fixture
def world(database: Database, superuser: psycopg.Connection[Any], tmp_path: Path) -> World:
    """With a folder as the store."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    return World(database, superuser, folder.as_uri())


class Serve(Protocol):
    """Serves the API for a world, with settings of its own, until the test ends; answers the world over it."""

    def __call__(self, world: World, **settings: Any) -> World: ...


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """The server's log does not mix with what the command writes."""
    with ExitStack() as stack:
        log = stack.enter_context(tmp_path.joinpath("api.log").open("w"))
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
        stack.callback(structlog.reset_defaults)

        def begin(world: World, **changed: Any) -> World:
            given = {
                "env": "development",
                "database_url": world.database.api_url,
                "output_url": world.output_url,
                "static_key": KEY,
                "static_key_subject": "root",
                "http_host": "127.0.0.1",
                "http_port": 0,
                "rate_limit_per_minute": 0,
            }
            return replace(world, api_url=stack.enter_context(serving(Settings(**(given | changed)))))

        yield begin


@pytest.fixture
def over_api(world: World, serve: Serve) -> World:
    """With every command over the API, as an admin."""
    return serve(world)


@pytest.fixture(params=["database", "api"])
def either(request: pytest.FixtureRequest) -> World:
    """With each way to the jobs in turn."""
    return request.getfixturevalue("world" if request.param == "database" else "over_api")  # type: ignore[no-any-return]


@pytest.fixture(params=["file", "s3"])
def stored(request: pytest.FixtureRequest, database: Database, superuser: psycopg.Connection[Any]) -> World:
    """With each kind of store in turn."""
    if request.param == "file":
        return request.getfixturevalue("world")  # type: ignore[no-any-return]
    bucket: Bucket = request.getfixturevalue("bucket")
    return World(database, superuser, f"{bucket.url}/outputs", bucket.environment)
