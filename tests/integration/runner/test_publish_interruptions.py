"""Does publish end its job, or leave it to the operator, whatever goes away under it (rule R13)?"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import DatabaseUnavailable
from regen_runner.database import RunnerDatabase
from regen_runner.publish.main import run
from regen_runner.retry import Stop
from regen_runner.settings import PublishSettings
from tests.integration.runner.pods import TIMEOUT, Pod, add_job, job_of
from tests.integration.store.conftest import SilentHandler, environment_of, s3_that_answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regen_core.states import Complete
    from tests.database_fixtures import Database


@pytest.fixture
def fenced(pod: Pod, database: Database) -> Pod:
    """A pod whose prepare and execute are done."""
    add_job(database)
    pod.fenced(database)
    pod.leave(a_txt=b"one", b_txt=b"two")
    return pod


class LosesFirstAnswer(RunnerDatabase):
    """Our own seam: the report is committed, its answer is lost once."""

    lost = False

    def complete(self, complete: Complete) -> str:
        answer = super().complete(complete)
        if not self.lost:
            self.lost = True
            msg = "the answer was lost"
            raise DatabaseUnavailable(msg)
        return answer


@contextmanager
def not_stopped() -> Iterator[Stop]:
    stop = Stop()
    yield stop
    stop.close()


def test_that_a_lost_answer_is_asked_for_again(fenced: Pod, database: Database) -> None:
    losing = LosesFirstAnswer(fenced.database_url, "test")
    with not_stopped() as stop:
        assert run(PublishSettings.from_environment(fenced.environment()), losing, stop, {}) == (0, "completed")
    assert losing.lost
    assert job_of(database)[0] == "COMPLETED"


def test_that_a_store_which_never_answers_makes_the_job_lost_and_retryable(fenced: Pod, database: Database) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        fenced.extra.update(environment_of(f"http://127.0.0.1:{unused.getsockname()[1]}"))
        fenced.extra.update(REGEN_ACTIVE_DEADLINE_SECONDS="3", REGEN_GRACE_SECONDS="2")
        fenced.output_url = "s3://bucket/prefix"
        assert fenced.run("publish")[0] == 0
    status, _, error = job_of(database)
    assert status == "FAILED"
    assert error is not None
    assert (error["classification"], error["retryable"]) == ("lost", True)


def test_that_an_unsafe_store_gets_nothing_but_the_probe(fenced: Pod, database: Database) -> None:
    paths: list[str] = []

    class AcceptsEverything(SilentHandler):
        def put(self) -> None:
            self.body()
            paths.append(self.path)
            self.answer(200, ETag='"x"')

    with s3_that_answers(AcceptsEverything) as environment:
        fenced.extra.update(environment)
        fenced.output_url = "s3://bucket/prefix"
        assert fenced.run("publish")[0] == 0
    assert set(paths) == {"/bucket/prefix/.regen-probe"}
    _, _, error = job_of(database)
    assert error is not None
    assert error["classification"] == "internal"


def test_that_sigterm_during_a_put_starts_no_other_and_fails_the_job_as_lost(fenced: Pod, database: Database) -> None:
    paths: list[str] = []
    arrived, release = threading.Event(), threading.Event()

    class HoldsTheFirstPut(SilentHandler):
        def put(self) -> None:
            self.body()
            paths.append(self.path)
            if self.path.endswith(".regen-probe"):
                self.refuse(412, "PreconditionFailed")
                return
            arrived.set()
            release.wait(TIMEOUT)
            self.answer(200, ETag='"x"')

    with s3_that_answers(HoldsTheFirstPut) as environment:
        fenced.extra.update(environment, REGEN_GRACE_SECONDS="4")
        fenced.output_url = "s3://bucket/prefix"
        try:
            with fenced.begin("publish") as process:
                assert arrived.wait(TIMEOUT)
                process.terminate()
                assert process.wait(TIMEOUT) == 0
        finally:
            release.set()
    assert paths == ["/bucket/prefix/.regen-probe", "/bucket/prefix/document/job1/a.txt"]
    status, _, error = job_of(database)
    assert status == "FAILED"
    assert error is not None
    assert (error["classification"], error["retryable"]) == ("lost", True)


def test_that_sigterm_during_the_last_put_still_completes_the_job(fenced: Pod, database: Database) -> None:
    arrived, release = threading.Event(), threading.Event()

    class HoldsTheManifest(SilentHandler):
        def put(self) -> None:
            self.body()
            if self.path.endswith(".regen-probe"):
                self.refuse(412, "PreconditionFailed")
                return
            if self.path.endswith("manifest.json"):
                arrived.set()
                release.wait(TIMEOUT)
            self.answer(200, ETag='"x"')

    with s3_that_answers(HoldsTheManifest) as environment:
        fenced.extra.update(environment)
        fenced.output_url = "s3://bucket/prefix"
        with fenced.begin("publish") as process:
            try:
                assert arrived.wait(TIMEOUT)
                process.terminate()
            finally:
                release.set()
            assert process.wait(TIMEOUT) == 0
    assert job_of(database)[:2] == ("COMPLETED", "s3://bucket/prefix/document/job1/manifest.json")


def test_that_an_unreachable_database_is_told_until_the_deadline(fenced: Pod, database: Database, outputs: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        fenced.database_url = f"postgresql://runner:hunter2@127.0.0.1:{unused.getsockname()[1]}/regen"
        fenced.extra.update(REGEN_ACTIVE_DEADLINE_SECONDS="10", REGEN_GRACE_SECONDS="1")
        status, lines = fenced.run("publish")
    assert status == 1
    assert "not reported" in fenced.message()
    assert "hunter2" not in json.dumps(lines) + fenced.message()
    assert job_of(database)[0] == "RUNNING"
    assert (outputs / "document" / "job1" / "manifest.json").exists()


def test_that_sigterm_bounds_the_report_to_an_unreachable_database(fenced: Pod, database: Database) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        fenced.database_url = f"postgresql://runner:hunter2@127.0.0.1:{unused.getsockname()[1]}/regen"
        fenced.extra.update(REGEN_GRACE_SECONDS="1")
        with fenced.begin("publish") as process:
            assert process.stdout is not None
            while json.loads(process.stdout.readline())["step"] != "unavailable, trying again":
                pass
            process.terminate()
            assert process.wait(10) == 1
    assert job_of(database)[0] == "RUNNING"
