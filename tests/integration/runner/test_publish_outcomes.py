"""Does every end of a run become exactly one end of its job, with all of its outputs or none (rule R12)?"""

from __future__ import annotations

import hashlib
import json
import resource
from typing import TYPE_CHECKING, Any

import pytest

from regen_core.canonical import canonical_json, instruction_digest
from regen_core.errors import Classification, JobError
from regen_runner.database import RunnerDatabase
from regen_runner.publish.main import run
from regen_runner.retry import Stop
from regen_runner.settings import PublishSettings
from tests.integration.runner.pods import INSTRUCTION, Pod, add_job, job_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mock import MockerFixture

    from tests.database_fixtures import Database
    from tests.s3_fixtures import Bucket

MOST_OUTPUTS = 1024
"""What REGEN_MAX_OUTPUTS may be at the most."""


@pytest.fixture
def fenced(pod: Pod, database: Database) -> Pod:
    """A pod whose prepare is done."""
    add_job(database)
    pod.fenced(database)
    return pod


def output_rows(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(
            'SELECT name, ref, sha256, "sizeBytes", "mediaType" FROM "RegenerationOutput" ORDER BY name'
        ).fetchall()


def files_beneath(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_that_a_success_is_stored_whole_and_completes_the_job(fenced: Pod, database: Database, outputs: Path) -> None:
    fenced.extra["REGEN_REPRODUCIBLE"] = "false"
    fenced.leave(b_txt=b"two", a_txt=b"one")
    status, lines = fenced.run("publish")
    assert (status, fenced.message()) == (0, "")
    stored = files_beneath(outputs)
    manifest = stored.pop("document/job1/manifest.json")
    provenance = stored.pop("document/job1/provenance.intoto.jsonl")
    assert stored == {"document/job1/a.txt": b"one", "document/job1/b.txt": b"two"}
    rows = [
        (name, f"{outputs.as_uri()}/document/job1/{name}", hashlib.sha256(body).hexdigest(), 3, "text/plain")
        for name, body in (("a.txt", b"one"), ("b.txt", b"two"))
    ]
    assert output_rows(database) == rows
    keys = ("name", "ref", "sha256", "sizeBytes", "mediaType")
    expected = {
        "version": 1,
        "jobId": "job1",
        "type": "document",
        "instructionSha256": instruction_digest(INSTRUCTION),
        "executor": {"name": "document", "version": "1.0"},
        "reproducible": False,
        "sandbox": {"landlock": 5},
        "startedAt": "2026-01-01T00:00:00.000Z",
        "finishedAt": "2026-01-01T00:00:01.000Z",
        "artifacts": [dict(zip(keys, row, strict=True)) for row in rows],
        "provenance": {
            "name": "provenance.intoto.jsonl",
            "sha256": hashlib.sha256(provenance).hexdigest(),
            "sizeBytes": len(provenance),
        },
    }
    assert manifest == canonical_json(expected)
    assert job_of(database) == ("COMPLETED", f"{outputs.as_uri()}/document/job1/manifest.json", None)
    assert fenced.path("trust", "nonce").read_text() not in json.dumps(lines)


def test_that_s3_takes_it_as_well(fenced: Pod, database: Database, bucket: Bucket) -> None:
    fenced.output_url = f"{bucket.url}/outputs"
    fenced.extra.update(bucket.environment)
    fenced.leave(a_txt=b"one")
    assert fenced.run("publish")[0] == 0
    assert job_of(database)[:2] == ("COMPLETED", f"{bucket.url}/outputs/document/job1/manifest.json")


def test_that_publishing_again_says_the_same(fenced: Pod, database: Database, outputs: Path) -> None:
    fenced.leave(a_txt=b"one")
    assert fenced.run("publish")[0] == 0
    before = files_beneath(outputs), job_of(database), output_rows(database)
    status, lines = fenced.run("publish")
    assert status == 0
    assert "already" in [line.get("outcome") for line in lines]
    assert (files_beneath(outputs), job_of(database), output_rows(database)) == before


def test_that_an_executors_error_fails_the_job_and_stores_nothing(fenced: Pod, database: Database, outputs: Path) -> None:
    error = JobError(Classification.TIMEOUT, "expected an end within 5 s\0", detail={"seconds": 5})
    fenced.leave(error=error, a_txt=b"one")
    assert fenced.run("publish")[0] == 0
    status, ref, stored = job_of(database)
    assert (status, ref) == ("FAILED", None)
    assert stored == {**error.as_json(), "message": "expected an end within 5 s\N{REPLACEMENT CHARACTER}"}
    assert files_beneath(outputs) == {}


def test_that_a_refused_file_fails_the_job_as_output(fenced: Pod, database: Database, outputs: Path) -> None:
    fenced.leave(a_txt=b"one", b_txt=b"two")
    fenced.path("out", "b.txt").unlink()
    fenced.path("out", "b.txt").symlink_to("/etc/passwd")
    assert fenced.run("publish")[0] == 0
    status, _, error = job_of(database)
    assert status == "FAILED"
    assert error is not None
    assert (error["classification"], error["retryable"]) == ("output", False)
    assert files_beneath(outputs) == {}


def test_that_other_bytes_at_a_key_fail_the_job_and_stay(fenced: Pod, database: Database, outputs: Path) -> None:
    fenced.leave(a_txt=b"one", b_txt=b"two")
    taken = outputs / "document" / "job1" / "b.txt"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"someone's")
    assert fenced.run("publish")[0] == 0
    status, _, error = job_of(database)
    assert status == "FAILED"
    assert error is not None
    assert error["classification"] == "output"
    assert taken.read_bytes() == b"someone's"
    assert not (taken.parent / "manifest.json").exists()
    assert output_rows(database) == []


@pytest.mark.parametrize(
    "wrong",
    [{"AWS_ENDPOINT_URL_S3": "ada:hunter2@minio:9000"}, {"AWS_ACCESS_KEY_ID": "hunter2"}, {"AWS_SECRET_ACCESS_KEY": "hunter2"}],
    ids=["endpoint without a scheme", "no secret key", "no access key"],
)
def test_that_a_wrong_setting_of_the_store_fails_the_job_with_the_reason(
    fenced: Pod, database: Database, wrong: dict[str, str]
) -> None:
    fenced.output_url = "s3://bucket/prefix"
    fenced.extra.update(wrong)
    fenced.leave(a_txt=b"one")
    status, lines = fenced.run("publish")
    assert (status, fenced.message()) == (0, "")
    state, _, error = job_of(database)
    assert error is not None
    assert (state, error["classification"], error["retryable"]) == ("FAILED", "internal", False)
    assert error["detail"]["reason"] == "StoreDenied"
    assert next(iter(wrong)) in error["message"]
    assert "hunter2" not in json.dumps([error, lines])


def test_that_a_folder_which_is_not_there_fails_the_job_at_once_with_the_reason(
    fenced: Pod, database: Database, outputs: Path
) -> None:
    outputs.rmdir()
    fenced.leave(a_txt=b"one")
    status, lines = fenced.run("publish")
    assert status == 0
    state, _, error = job_of(database)
    assert error is not None
    assert (state, error["classification"], error["retryable"]) == ("FAILED", "internal", False)
    assert error["detail"]["reason"] == "StoreDenied"
    assert "unavailable, trying again" not in [line["step"] for line in lines]


def test_that_as_many_outputs_as_may_be_set_are_stored(fenced: Pod, database: Database) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < MOST_OUTPUTS + 64:
        pytest.skip(f"the hard limit of open files is {hard}, this needs {MOST_OUTPUTS + 64}")
    fenced.extra["REGEN_MAX_OUTPUTS"] = str(MOST_OUTPUTS)
    fenced.leave(**{f"a{number}_txt": b"" for number in range(MOST_OUTPUTS)})
    status, _ = fenced.run("publish", limits=f"ulimit -Sn {MOST_OUTPUTS}")
    assert (status, fenced.message()) == (0, "")
    assert len(output_rows(database)) == MOST_OUTPUTS


def test_that_a_process_without_a_descriptor_left_does_not_blame_the_executor(
    fenced: Pod, database: Database, outputs: Path
) -> None:
    fenced.leave(**{f"a{number}_txt": b"" for number in range(64)})
    assert fenced.run("publish", limits="ulimit -n 48")[0] == 0
    state, _, error = job_of(database)
    assert error is not None
    assert (state, error["classification"]) == ("FAILED", "internal")
    assert "Too many open files" in error["message"]
    assert files_beneath(outputs) == {}


@pytest.mark.parametrize(
    ("seam", "purpose"),
    [
        ("regen_store.write.open_store", "store the outputs"),
        ("regen_runner.publish.main.report_completion", "report what was stored"),
    ],
)
def test_that_what_nobody_foresaw_fails_the_job_as_internal(
    fenced: Pod, database: Database, mocker: MockerFixture, seam: str, purpose: str
) -> None:
    mocker.patch(seam, side_effect=LookupError("what nobody foresaw"))
    fenced.leave(a_txt=b"one")
    settings = PublishSettings.from_environment(fenced.environment())
    stop = Stop()
    try:
        status, message = run(settings, RunnerDatabase(fenced.database_url, "test"), stop, {})
    finally:
        stop.close()
    assert (status, message) == (
        0,
        f"failed: internal: publish: expected to {purpose}, got LookupError: what nobody foresaw",
    )
    state, _, error = job_of(database)
    assert error is not None
    assert (state, error["classification"]) == ("FAILED", "internal")


@pytest.mark.parametrize("missing", ["result/envelope.json", "trust/nonce", "in/instruction.json"])
def test_that_missing_evidence_is_left_to_the_operator(fenced: Pod, database: Database, missing: str) -> None:
    fenced.leave(a_txt=b"one")
    fenced.path(missing).unlink()
    assert fenced.run("publish")[0] == 1
    assert f"expected {missing.partition('/')[2]} of an earlier program of this pod" in fenced.message()
    assert job_of(database)[0] == "RUNNING"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 2}', "[" * 100_000])
def test_that_an_envelope_that_cannot_be_read_is_internal(fenced: Pod, database: Database, content: str) -> None:
    fenced.leave(a_txt=b"one")
    fenced.path("result", "envelope.json").write_text(content)
    assert fenced.run("publish")[0] == 0
    status, _, error = job_of(database)
    assert status == "FAILED"
    assert error is not None
    assert error["classification"] == "internal"


def test_that_a_job_which_someone_else_ended_is_not_touched(fenced: Pod, database: Database) -> None:
    fenced.leave(a_txt=b"one")
    failures = json.dumps(
        [{"id": "job1", "condition": "any", "error": JobError(Classification.CANCELLED, "stopped").as_json()}]
    )
    with database.connect() as connection:
        assert connection.execute("SELECT outcome FROM regen_fail_v1(%s)", (failures,)).fetchall() == [("failed",)]
    before = job_of(database)
    assert fenced.run("publish")[0] == 64
    assert "the report was refused" in fenced.message()
    assert job_of(database) == before


def test_that_a_nonce_which_holds_no_fence_completes_nothing(fenced: Pod, database: Database) -> None:
    fenced.leave(a_txt=b"one")
    fenced.path("trust", "nonce").write_text("x" * 64)
    assert fenced.run("publish")[0] == 64
    assert job_of(database)[0] == "RUNNING"


def test_that_a_wrong_output_url_fails_the_job_by_name(fenced: Pod, database: Database) -> None:
    fenced.output_url = "ftp://somewhere"
    fenced.leave(a_txt=b"one")
    assert fenced.run("publish")[0] == 0
    _, _, error = job_of(database)
    assert error is not None
    assert error["classification"] == "internal"
    assert error["message"].startswith("REGEN_OUTPUT_URL: expected")
