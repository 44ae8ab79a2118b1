"""The command from its entry point to its exit status, with an environment of its own.

In this process, since a start costs half a second and there are many; ``started`` gives it a process where that matters.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from regen_cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SETTINGS = ("REGEN_", "PG", "AWS_", "KUBECONFIG")
PROGRAM = "from regen_cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def clean_environment() -> dict[str, str]:
    """This process's environment without any setting of regen's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}


def regen(*arguments: str, stdin: str = "", **environment: str) -> Done:
    """Runs ``regen`` with no setting but ``environment``."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    interrupted = signal.getsignal(signal.SIGINT)
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        for name in os.environ.keys() - clean_environment().keys():
            patched.delenv(name)
        for name, value in ({"COLUMNS": "200"} | environment).items():
            patched.setenv(name, value)
        patched.setattr(sys, "argv", ["regen", *arguments])
        patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            signal.signal(signal.SIGINT, interrupted)
    out.flush()
    err.flush()
    return Done(status, *(text.buffer.getvalue().decode() for text in (out, err)))  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Command:
    """``regen`` with settings that stay the same from call to call."""

    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        return regen(*arguments, stdin=stdin, **{**self.environment, **environment})

    def json(self, *arguments: str, status: int = 0) -> Any:
        """What the command answers as JSON; it must exit with ``status``."""
        done = self(*arguments, "-o", "json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def started(self, *arguments: str, program: str = PROGRAM) -> Iterator[subprocess.Popen[str]]:
        """The command in a process of its own, under way; it is gone at the end."""
        with subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=clean_environment() | {"PYTHONUNBUFFERED": "1"} | dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
