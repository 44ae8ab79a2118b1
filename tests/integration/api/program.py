"""``regen-api`` in a process of its own, on a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        "REGEN_RATE_LIMIT_PER_MINUTE": "0",
    } | changed
    return clean | {name: value for name, value in given.items() if value}


class Program:
    """The process, and the lines that it has written."""

    def __init__(self, process: subprocess.Popen[str], outputs: Path) -> None:
        self.process = process
        self.outputs = outputs
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


@contextmanager
def running(database: Database, outputs: Path, **changed: str) -> Iterator[Program]:
    given = {"REGEN_OUTPUT_URL": outputs.as_uri()} | changed
    process = subprocess.Popen(PROGRAM, env=environment(database, **given), stderr=subprocess.PIPE, text=True)
    try:
        yield Program(process, outputs)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
