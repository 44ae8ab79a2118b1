"""Does ``regen verify --rerun`` run the real executor in its sandbox, and tell other bytes, other versions and failures?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from regen_core.canonical import sha256_hex
from regen_store.write_s3 import s3_client
from tests.integration.runner.pods import Pod, add_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.integration.cli.conftest import World
    from tests.s3_fixtures import Bucket

EXPORT: dict[str, Any] = {
    "type": "export",
    "version": 1,
    "inputs": {"rows": [{"n": 2, "s": "b"}, {"n": 1, "s": "a"}], "formats": ["csv", "jsonl"], "sort": [{"column": "n"}]},
}
EXECUTE = {
    "REGEN_TIME_LIMIT_SECONDS": "60",
    "PYTHONHASHSEED": "0",
    "REGEN_SANDBOX": "require",
    "REGEN_EGRESS": "none",
    "REGEN_SUBPROCESSES": "false",
}


def ran(
    world: World,
    tmp_path: Path,
    instruction: dict[str, Any] = EXPORT,
    meddle: Callable[[Path], None] = lambda _: None,
    **more: str,
) -> None:
    """Job ``job1``, completed by the runner's three programs; ``meddle`` changes the pod's folders before publish."""
    pod = Pod(tmp_path / "pod", world.database.runner_url, world.output_url)
    (pod.root / "tmp").mkdir()
    pod.extra |= EXECUTE | {"REGEN_JOB_TYPE": instruction["type"], "REGEN_TMP_DIR": str(pod.root / "tmp")}
    pod.extra |= dict(world.environment) | more
    add_job(world.database, instruction)
    for program in ("prepare", "execute", "publish"):
        if program == "publish":
            meddle(pod.root)
        with pod.begin(program) as process:
            log, _ = process.communicate(timeout=60)
        assert process.returncode == 0, log


def test_the_same_bytes(stored: World, tmp_path: Path) -> None:
    ran(stored, tmp_path)
    answer = stored.regen.json("verify", "job1", "--rerun")
    assert (answer["ok"], answer["rerun"]) == (True, True)
    lines = stored.regen("verify", "job1", "--rerun").stdout.splitlines()
    assert "ok  second run  wrote the same bytes (2 outputs)" in lines
    assert not [line for line in lines if line.startswith("not checked")]


def test_sources_are_fetched_and_checked_again(world: World, tmp_path: Path, bucket: Bucket) -> None:
    with_bucket = type(world)(world.database, world.superuser, f"{bucket.url}/outputs", bucket.environment)
    content = b"n,s\n2,b\n1,a\n"
    s3_client(bucket.environment).put_object(Bucket=bucket.url.removeprefix("s3://"), Key="uploads/data.csv", Body=content)
    uri = f"{bucket.url}/uploads/data.csv"
    source = {"name": "data.csv", "uri": uri, "sha256": sha256_hex(content)}
    inputs = {"source": "data.csv", "formats": ["jsonl"]}
    ran(with_bucket, tmp_path, {"type": "export", "version": 1, "inputs": inputs, "sources": [source]})
    assert with_bucket.regen("verify", "job1", "--rerun").returncode == 0


def _other_bytes(root: Path) -> None:
    path = root / "out" / "export.csv"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().upper())


def test_other_bytes(world: World, tmp_path: Path) -> None:
    """As of an executor that gives other bytes each time: rows, objects, manifest and provenance agree."""
    ran(world, tmp_path, meddle=_other_bytes)
    assert world.regen("verify", "job1").returncode == 0
    [violation] = world.regen.json("verify", "job1", "--rerun", status=5)["violations"]
    assert violation["invariant"] == "reproducible"
    assert violation["message"].startswith("output export.csv: the second run wrote ")


def _one_output_less(root: Path) -> None:
    (root / "out" / "export.jsonl").unlink()
    path = root / "result" / "envelope.json"
    envelope = json.loads(path.read_bytes())
    path.chmod(0o644)
    path.write_text(json.dumps(envelope | {"artifacts": envelope["artifacts"][:1]}))


def test_another_number_of_outputs(world: World, tmp_path: Path) -> None:
    ran(world, tmp_path, meddle=_one_output_less)
    [violation] = world.regen.json("verify", "job1", "--rerun", status=5)["violations"]
    assert violation["message"] == "output export.jsonl: only the second run wrote it"


def test_a_job_that_depends_on_the_network_is_refused(world: World, tmp_path: Path) -> None:
    ran(world, tmp_path, REGEN_REPRODUCIBLE="false")
    done = world.regen("verify", "job1", "--rerun")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not reproducible: its executor class has network access" in done.stderr


def _another_version(root: Path) -> None:
    path = root / "result" / "envelope.json"
    envelope = json.loads(path.read_bytes())
    path.chmod(0o644)
    path.write_text(json.dumps(envelope | {"executorVersion": "0.9"}))


def test_another_version_is_not_compared(world: World, tmp_path: Path) -> None:
    ran(world, tmp_path, meddle=_another_version)
    done = world.regen("verify", "job1", "--rerun")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--rerun: version 0.9 of executor export wrote the outputs, but version 2" in done.stderr


def test_a_second_run_that_fails_is_told(world: World) -> None:
    world.completed("j")  # without the inputs that a document needs
    done = world.regen("verify", "j", "--rerun")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--rerun: the run failed (validation): " in done.stderr


def test_without_the_runner_it_says_so(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world.completed("j")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    done = world.regen("verify", "j", "--rerun", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--rerun: regen-runner is not installed" in done.stderr
