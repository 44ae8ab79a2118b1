"""Does ``regen-api`` start, serve, warn, refuse a wrong setting by name, and end when it is told to?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.database_fixtures import Database

KEY = "the static key of the tests"
PROGRAM = [sys.executable, "-c", "from regen_api.main import main; main()"]


def environment(database: Database, **changed: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("REGEN_", "PG", "AWS_"))}
    given = {
        "REGEN_DATABASE_URL": database.api_url,
        "REGEN_OUTPUT_URL": "file:///nowhere",
        "REGEN_ENV": "development",
        "REGEN_STATIC_KEY": KEY,
        "REGEN_HTTP_HOST": "127.0.0.1",
        "REGEN_HTTP_PORT": "0",
    } | changed
    return clean | {name: value for name, value in given.items() if value}


class Program:
    """The process, and the lines that it has written."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, object]] = []
        self._port = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == "api listens":
                self._port.set()
        self._port.set()

    @property
    def url(self) -> str:
        assert self._port.wait(60)
        port = next(line["port"] for line in self.lines if line["event"] == "api listens")
        return f"http://127.0.0.1:{port}"

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join(60)
        return code


@pytest.fixture
def program(database: Database) -> Iterator[Program]:
    process = subprocess.Popen(PROGRAM, env=environment(database), stderr=subprocess.PIPE, text=True)
    try:
        yield Program(process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def test_serves_until_it_is_told_to_end(program: Program) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=program.url, headers=headers, timeout=30, trust_env=False) as client:
        answer = client.post("/api/v1/regeneration-jobs", json={"type": "document", "inputs": {}})
        assert answer.status_code == 202
        assert client.get(answer.headers["Location"]).json()["requestedBy"] == "developer"
        assert "server" not in answer.headers
    assert program.end() == 0
    warnings = [line for line in program.lines if line["level"] == "warning"]
    assert [
        str(line["event"]).startswith("DEVELOPMENT MODE: whoever knows REGEN_STATIC_KEY is an admin") for line in warnings
    ] == [True]
    assert KEY not in json.dumps(program.lines)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"REGEN_ENV": "production"}, "REGEN_STATIC_KEY: expected none while REGEN_ENV is production"),
        ({"REGEN_ENV": ""}, "REGEN_STATIC_KEY: expected none while REGEN_ENV is production"),
        ({"REGEN_STATIC_KEY": ""}, "REGEN_OIDC_ISSUER: expected the issuer"),
        ({"REGEN_DATABASE_URL": ""}, "REGEN_DATABASE_URL: expected a value, got none"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(database: Database, changed: dict[str, str], message: str) -> None:
    done = subprocess.run(
        PROGRAM, env=environment(database, **changed), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"regen-api: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert KEY not in done.stderr
