"""A pod's folders on disk, and the real program run in them as a real process.

Nothing is mocked: the executors are those of ``probes/``, found by their entry point, in the sandbox of this kernel. Where
the kernel lacks Landlock or seccomp these tests fail, each by its own name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from regen_core.envelope import ResultEnvelope

PROBES = Path(__file__).parent / "probes"
MAIN = "import sys; from regen_runner.execute.main import main; sys.exit(main())"
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """What a finished execute container left."""

    status: int
    log: str
    error: str
    envelope: ResultEnvelope | None
    answer: Any

    @property
    def result(self) -> ResultEnvelope:
        assert self.envelope is not None, f"no envelope; exit status {self.status}, {self.error}"
        return self.envelope

    @property
    def failure(self) -> tuple[str, str]:
        """Classification and message."""
        assert self.result.error is not None
        return str(self.result.error.classification), self.result.error.message


class Pod:
    """The folders of one pod, and its execute container."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.type = "probe"
        for name in ("in", "in/sources", "out", "result", "trust", "tmp"):
            (root / name).mkdir()
        (root / "trust" / "nonce").write_text("secret")
        (root / "in" / "sources" / "data").write_bytes(b"source bytes")
        (root / "in" / "go").touch()

    def instruct(self, do: str, **inputs: Any) -> None:
        instruction = {"type": self.type, "version": 1, "inputs": {"do": do, **inputs}, "sources": [{"name": "data"}]}
        (self.root / "in" / "instruction.json").write_text(json.dumps(instruction))

    def run_shipped(
        self, job_type: str, inputs: dict[str, Any], sources: dict[str, bytes] | None = None, env: dict[str, str] | None = None
    ) -> Run:
        """Runs a shipped executor on ``inputs`` and ``sources`` (name → bytes)."""
        self.type = job_type
        for name, content in (sources or {}).items():
            (self.root / "in" / "sources" / name).write_bytes(content)
        instruction = {"type": job_type, "version": 1, "inputs": inputs, "sources": [{"name": name} for name in sources or {}]}
        (self.root / "in" / "instruction.json").write_text(json.dumps(instruction))
        done = subprocess.run(
            [sys.executable, "-c", MAIN],
            env={**self.environment(), **(env or {})},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        return self.left(done.returncode, done.stdout, done.stderr)

    def again(self) -> None:
        """Lets the folders serve one more run; what was made stays."""
        for name in ("envelope.json", "started"):
            (self.root / "result" / name).unlink()

    def start(self, do: str, *, program: str = MAIN, env: dict[str, str] | None = None, **inputs: Any) -> subprocess.Popen[str]:
        """The container's process, with pipes for its output."""
        self.instruct(do, **inputs)
        return subprocess.Popen(
            [sys.executable, "-c", program],
            env={name: value for name, value in {**self.environment(), **(env or {})}.items() if value != "(unset)"},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, do: str, *, program: str = MAIN, env: dict[str, str] | None = None, **inputs: Any) -> Run:
        with self.start(do, program=program, env=env, **inputs) as process:
            log, error = process.communicate(timeout=PATIENCE_SECONDS)
        return self.left(process.returncode, log, error)

    def left(self, status: int, log: str = "", error: str = "") -> Run:
        envelope, answer = self.root / "result" / "envelope.json", self.root / "out" / "answer.json"
        return Run(
            status,
            log,
            error,
            ResultEnvelope.from_json(json.loads(envelope.read_bytes())) if envelope.exists() else None,
            json.loads(answer.read_bytes()) if answer.exists() else None,
        )

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROBES),
            "PYTHONHASHSEED": "0",
            "REGEN_JOB_TYPE": self.type,
            "REGEN_IN_DIR": str(self.root / "in"),
            "REGEN_OUT_DIR": str(self.root / "out"),
            "REGEN_RESULT_DIR": str(self.root / "result"),
            "TMPDIR": str(self.root / "tmp"),
            "REGEN_TIME_LIMIT_SECONDS": "30",
            "REGEN_SANDBOX": "require",
            "REGEN_EGRESS": "none",
            "REGEN_SUBPROCESSES": "false",
            "REGEN_MAX_MEMORY_BYTES": "0",
            "REGEN_MAX_OUTPUT_BYTES": str(64 << 20),
        }


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@pytest.fixture
def second_pod(tmp_path: Path) -> Pod:
    folder = tmp_path / "second"
    folder.mkdir()
    return Pod(folder)


def has_ended(pid: int) -> bool:
    """Whether the process ends within a while; one that is gone already has."""
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(10_000))
    finally:
        os.close(descriptor)
