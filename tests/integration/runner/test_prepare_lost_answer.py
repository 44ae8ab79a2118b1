"""Does prepare survive a database that goes away, before its answer and after it?"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from regen_core.errors import DatabaseUnavailable
from regen_core.states import Start
from regen_runner import database as runner_database
from regen_runner.database import RunnerDatabase
from regen_runner.prepare.main import run
from regen_runner.settings import PrepareSettings
from tests.integration.runner.pods import Pod, add_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_runner.database import StartAnswer
    from tests.database_fixtures import Database


class LosesFirstAnswer(RunnerDatabase):
    """Our own seam: the call is made and committed, its answer is lost once."""

    lost = False

    def start(self, start: Start) -> StartAnswer:
        answer = super().start(start)
        if not self.lost:
            self.lost = True
            msg = "the answer was lost"
            raise DatabaseUnavailable(msg)
        return answer


def test_that_the_same_process_may_ask_again(pod: Pod, database: Database) -> None:
    add_job(database)
    settings = PrepareSettings.from_environment(pod.environment())
    losing = LosesFirstAnswer(pod.database_url, "test")
    assert run(settings, losing, {}) == (0, "go")
    assert losing.lost
    assert pod.path("in", "go").exists()


def test_that_an_unreachable_database_is_asked_until_the_deadline(pod: Pod) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pod.database_url = f"postgresql://runner:hunter2@127.0.0.1:{unused.getsockname()[1]}/regen"
        pod.extra["REGEN_ACTIVE_DEADLINE_SECONDS"] = "1"
        status, lines = pod.run("prepare")
    assert status == 1
    assert next(line["step"] for line in lines) == "unavailable, trying again"
    assert "hunter2" not in str(lines) + pod.message()


def test_that_a_server_which_never_answers_is_cut_off(pod: Pod, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add_job(database)
    monkeypatch.setattr(runner_database, "CALL_SECONDS", 0.5)
    with _swallowing_proxy(pod.database_url) as url:
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            RunnerDatabase(url, "test").start(Start("job1", "uid-1", "pod-1", "n" * 64))
    assert time.monotonic() - began < runner_database.CONNECT_SECONDS


@contextmanager
def _swallowing_proxy(url: str) -> Iterator[str]:
    """A way to the database that lets the login pass, and nothing once a regen function is called."""
    parts = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))
    upstream = socket.create_connection((parts.hostname, parts.port or 0))
    ends = [listener, upstream]

    def forward(source: socket.socket, target: socket.socket) -> None:
        try:
            while block := source.recv(65536):
                if b"regen_start_v1" not in block:
                    target.sendall(block)
        except OSError:
            return

    def serve() -> None:
        client, _ = listener.accept()
        ends.append(client)
        back = threading.Thread(target=forward, args=(upstream, client))
        back.start()
        forward(client, upstream)
        upstream.shutdown(socket.SHUT_RDWR)
        back.join()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{listener.getsockname()[1]}").geturl()
    finally:
        thread.join()
        for end in ends:
            end.close()
