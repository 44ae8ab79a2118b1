"""The folders and the environments of a runner's pod on this machine, made of the very Job that the operator would send."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from regen_core.envelope import ENVELOPE_NAME, DeclaredArtifact, ResultEnvelope
from regen_operator.launch.classes import load_classes
from regen_operator.launch.job import build_job
from regen_operator.launch.order import JobOrder
from regen_stack.config import TEST_EXECUTORS, StackConfig, program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOOP: Final = "probe_noop"
"""The test-only executor that makes one artifact of five bytes."""
PROGRAM: Final = program("regen-runner")


@dataclass(frozen=True)
class RunnerPod:
    """A pod of job ``job_id``, in ``root``, which must be empty.

    Attributes:
        executors: a folder with the executors, which stands for a class's own image.
    """

    root: Path
    job_id: str
    database_url: str
    output_url: str
    store: Mapping[str, str]
    type: str = NOOP
    executors: Path = TEST_EXECUTORS

    def make(self) -> None:
        """Makes the volumes."""
        for name in ("in", "out", "result", "trust", "tmp"):
            (self.root / name).mkdir(parents=True)

    def environment(self, container: str) -> dict[str, str]:
        """The whole environment of one of the pod's programs."""
        spec = self._pod_spec()
        [found] = [one for one in (*spec["initContainers"], *spec["containers"]) if one["name"] == container]
        values = {entry["name"]: self._value(entry) for entry in found["env"]}
        secret = dict(self.store) if "envFrom" in found else {}
        image = {"PATH": os.defpath, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(self.executors)}
        return image | secret | values | {"REGEN_TERMINATION_LOG": str(self.root / "termination-log")}

    def leave_result(self) -> None:
        """Leaves what prepare and execute would, so that publish can be started by itself."""
        (self.root / "trust" / "nonce").write_text("n" * 64)
        (self.root / "in" / "instruction.json").write_text(json.dumps(self.instruction()))
        (self.root / "out" / "noop.txt").write_bytes(b"noop\n")
        envelope = ResultEnvelope(
            executor=self.type,
            executor_version="1",
            started_at="2026-01-01T00:00:00.000Z",
            finished_at="2026-01-01T00:00:01.000Z",
            sandbox={},
            artifacts=(DeclaredArtifact("noop.txt", "text/plain"),),
        )
        (self.root / "result" / ENVELOPE_NAME).write_text(json.dumps(envelope.as_json()))

    def let_go(self) -> None:
        """Leaves what prepare would, so that execute can be started by itself."""
        (self.root / "in" / "instruction.json").write_text(json.dumps(self.instruction()))
        (self.root / "in" / "sources").mkdir()
        (self.root / "in" / "go").touch()

    def instruction(self) -> dict[str, Any]:
        """``instructionJson`` of the job."""
        return {"type": self.type, "version": 1, "inputs": {}}

    def _pod_spec(self) -> dict[str, Any]:
        classes = StackConfig(classes={self.type: {}}).classes_file(self.output_url)
        file = self.root / "classes.yaml"
        file.write_text(yaml.safe_dump(classes), encoding="utf-8")
        loaded = load_classes(file)
        job = build_job(JobOrder(self.job_id, self.type, "bench", 300), loaded, loaded.by_type[self.type])
        spec: dict[str, Any] = job["spec"]["template"]["spec"]
        return spec

    def _value(self, entry: dict[str, Any]) -> str:
        if "value" in entry:
            value = str(entry["value"])
            folders = {f"/regen/{name}": self.root / name for name in ("in", "out", "result", "trust")}
            return str(folders.get(value, self.root / "tmp" if value == "/tmp" else value))  # noqa: S108 - the pod's volume
        if "fieldRef" in entry["valueFrom"]:
            return f"{self.job_id}-{entry['name'].lower()}"
        return self.database_url
