"""Is the executor's log kept beside the outputs, of failed runs too, while nothing about it can change the job's end?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regen_core.errors import Classification, JobError
from regen_core.names import LOG_NAME
from regen_runner.database import RunnerDatabase
from regen_runner.publish.main import run
from regen_runner.retry import Stop
from regen_runner.settings import PublishSettings
from tests.integration.runner.pods import Pod, add_job, job

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mock import MockerFixture

    from tests.database_fixtures import Database
    from tests.s3_fixtures import Bucket

KEY = f"document/job1/{LOG_NAME}"
FAILURE = JobError(Classification.EXECUTOR, "it was told to")


@pytest.fixture
def fenced(pod: Pod, database: Database) -> Pod:
    """A pod whose prepare is done and whose executor said something."""
    add_job(database)
    pod.fenced(database)
    pod.path("result", LOG_NAME).write_bytes(b"said\n")
    return pod


def end(database: Database) -> tuple[str, Any]:
    with database.connect() as connection:
        status, _, error = job(connection)
    return status, error and error["classification"]


@pytest.mark.parametrize(("error", "expected"), [(None, ("COMPLETED", None)), (FAILURE, ("FAILED", "executor"))])
def test_it_lies_beside_the_outputs_and_is_none(
    fenced: Pod, database: Database, outputs: Path, error: JobError | None, expected: tuple[str, Any]
) -> None:
    fenced.leave(error=error, **({} if error else {"a_txt": b"one"}))
    assert fenced.run("publish")[0] == 0
    assert end(database) == expected
    assert (outputs / KEY).read_bytes() == b"said\n"
    with database.connect() as connection:
        rows = connection.execute('SELECT name FROM "RegenerationOutput"').fetchall()
    assert rows == ([] if error else [("a.txt",)])
    if not error:
        assert LOG_NAME not in (outputs / "document/job1/manifest.json").read_text()


def test_s3_takes_it_with_the_runners_credential(fenced: Pod, database: Database, bucket: Bucket) -> None:
    fenced.output_url = f"{bucket.url}/outputs"
    fenced.extra.update(bucket.environment)
    fenced.leave(error=FAILURE)
    _, lines = fenced.run("publish")
    assert [line["key"] for line in lines if line["step"] == "executor's log stored"] == [KEY]
    assert end(database) == ("FAILED", "executor")


def test_what_lies_there_is_never_replaced(fenced: Pod, database: Database, outputs: Path) -> None:
    (outputs / KEY).parent.mkdir(parents=True)
    (outputs / KEY).write_bytes(b"another's")
    fenced.leave(a_txt=b"one")
    _, lines = fenced.run("publish")
    assert (outputs / KEY).read_bytes() == b"another's"
    assert "executor's log not stored" in [line["step"] for line in lines]
    assert end(database) == ("COMPLETED", None)


def test_a_store_that_is_away_changes_no_failure(fenced: Pod, database: Database, tmp_path: Path) -> None:
    fenced.output_url = (tmp_path / "nowhere").as_uri()
    fenced.leave(error=FAILURE)
    assert fenced.run("publish")[0] == 0
    assert end(database) == ("FAILED", "executor")


@pytest.mark.parametrize(("error", "expected"), [(None, ("COMPLETED", None)), (FAILURE, ("FAILED", "executor"))])
def test_a_process_that_may_start_no_thread_ends_the_job_as_it_would(
    fenced: Pod, database: Database, mocker: MockerFixture, error: JobError | None, expected: tuple[str, Any]
) -> None:
    fenced.leave(error=error, **({} if error else {"a_txt": b"one"}))
    settings = PublishSettings.from_environment(fenced.environment())
    stop = Stop()
    # The name in that module alone: the database's watchdog is a thread too.
    threads = mocker.patch("regen_runner.publish.run_log.threading")
    threads.Thread.side_effect = RuntimeError("can't start new thread")
    try:
        assert run(settings, RunnerDatabase(fenced.database_url, "test"), stop, {})[0] == 0
    finally:
        stop.close()
    threads.Thread.assert_called_once()
    assert end(database) == expected


def test_a_folder_in_its_place_changes_no_end(fenced: Pod, database: Database) -> None:
    fenced.path("result", LOG_NAME).unlink()
    fenced.path("result", LOG_NAME).mkdir()
    fenced.leave(a_txt=b"one")
    assert fenced.run("publish")[0] == 0
    assert end(database) == ("COMPLETED", None)


def test_a_link_in_its_place_is_not_followed(fenced: Pod, database: Database, outputs: Path) -> None:
    fenced.path("result", LOG_NAME).unlink()
    fenced.path("result", LOG_NAME).symlink_to(fenced.path("trust", "nonce"))
    fenced.leave(a_txt=b"one")
    assert fenced.run("publish")[0] == 0
    assert not (outputs / KEY).exists()
    assert end(database) == ("COMPLETED", None)


def test_an_artifact_of_that_name_is_refused(fenced: Pod, database: Database) -> None:
    fenced.leave(executor_log=b"mine")
    assert fenced.run("publish")[0] == 0
    assert end(database) == ("FAILED", "output")
