"""A pod's folders and environment, as the kubelet would give them to prepare and publish, and a job for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from regen_core.canonical import canonical_json
from regen_core.envelope import DeclaredArtifact, ResultEnvelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from regen_core.errors import JobError
    from tests.database_fixtures import Database

PROGRAM = Path(sys.executable).with_name("regen-runner")
TIMEOUT = 60
INSTRUCTION: dict[str, Any] = {"type": "document", "version": 1, "inputs": {"title": "A title", "amount": 1.0}}


@dataclass
class Pod:
    """One pod of one job. ``extra`` is added to the environment of its programs."""

    root: Path
    database_url: str
    output_url: str
    job_id: str = "job1"
    uid: str = "uid-1"
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("in", "out", "result", "trust"):
            (self.root / name).mkdir(parents=True)
        self.termination_log.touch()

    @property
    def termination_log(self) -> Path:
        return self.root / "termination-log"

    def path(self, *segments: str) -> Path:
        return self.root.joinpath(*segments)

    def environment(self) -> dict[str, str]:
        return {
            "REGEN_JOB_ID": self.job_id,
            "REGEN_POD_UID": self.uid,
            "REGEN_POD_NAME": f"pod-{self.uid}",
            "REGEN_DATABASE_URL": self.database_url,
            "REGEN_OUTPUT_URL": self.output_url,
            "REGEN_IN_DIR": str(self.root / "in"),
            "REGEN_OUT_DIR": str(self.root / "out"),
            "REGEN_RESULT_DIR": str(self.root / "result"),
            "REGEN_TRUST_DIR": str(self.root / "trust"),
            "REGEN_ACTIVE_DEADLINE_SECONDS": "60",
            "REGEN_TERMINATION_LOG": str(self.termination_log),
            **self.extra,
        }

    def begin(self, program: str, limits: str = "") -> subprocess.Popen[str]:
        """Starts ``prepare`` or ``publish`` as the container would; ``limits`` are the shell's, such as ``ulimit -f 8``."""
        return subprocess.Popen(
            ["/bin/sh", "-c", f'{limits}; exec "$0" "$1"', PROGRAM, program] if limits else [PROGRAM, program],
            env={"PATH": os.defpath, **self.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, program: str, limits: str = "") -> tuple[int, list[dict[str, Any]]]:
        """Exit status and log lines of ``program``; ``limits`` as for ``begin``."""
        with self.begin(program, limits) as process:
            try:
                output, _ = process.communicate(timeout=TIMEOUT)
            finally:
                process.kill()
        return process.returncode, [json.loads(line) for line in output.splitlines()]

    def message(self) -> str:
        """The container's termination message."""
        return self.termination_log.read_text()

    def leave(self, *, error: JobError | None = None, **files: bytes) -> None:
        """Leaves what execute would: the files, with ``_`` for the dot of the name, and the envelope."""
        names = {name.replace("_", "."): body for name, body in files.items()}
        for name, body in names.items():
            self.path("out", name).write_bytes(body)
        envelope = ResultEnvelope(
            executor="document",
            executor_version="1.0",
            started_at="2026-01-01T00:00:00.000Z",
            finished_at="2026-01-01T00:00:01.000Z",
            sandbox={"landlock": 5},
            artifacts=tuple(DeclaredArtifact(name, "text/plain") for name in names),
            error=error,
        )
        self.path("result", "envelope.json").write_text(json.dumps(envelope.as_json()))

    def fenced(self, database: Database, nonce: str = "n" * 64) -> None:
        """Leaves what prepare would, the fence in the database included."""
        with database.connect(database.runner_url) as connection:
            start = "SELECT outcome FROM regen_start_v1(%s, %s, %s, %s)"
            row = connection.execute(start, (self.job_id, self.uid, f"pod-{self.uid}", nonce)).fetchone()
        assert row == ("started",)
        self.path("trust", "nonce").write_text(nonce)
        self.path("in", "instruction.json").write_bytes(canonical_json(INSTRUCTION))


def add_job(
    database: Database, instruction: Mapping[str, Any] = INSTRUCTION, *, job_id: str = "job1", claim: bool = True
) -> None:
    """A PENDING job, claimed unless told otherwise."""
    with database.connect() as connection:
        statement = 'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)'
        connection.execute(statement, (job_id, Jsonb(dict(instruction))))
        if claim:
            types = [str(instruction["type"])]
            rows = connection.execute("SELECT status::text FROM regen_claim_v1(20, 20, '{}', NULL, %s)", (types,)).fetchall()
            assert rows == [("RUNNING",)]


def job(connection: psycopg.Connection[Any], job_id: str = "job1") -> tuple[str, str | None, dict[str, Any] | None]:
    """Status, ``outputRef`` and ``errorJson``."""
    row = connection.execute(
        'SELECT status::text, "outputRef", "errorJson" FROM "RegenerationJob" WHERE id = %s', (job_id,)
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def job_of(database: Database, job_id: str = "job1") -> tuple[str, str | None, dict[str, Any] | None]:
    """Status, ``outputRef`` and ``errorJson``, by a connection of its own."""
    with database.connect() as connection:
        return job(connection, job_id)
