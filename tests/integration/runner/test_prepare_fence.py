"""Does only the process that took the fence let an executor start (rule R3)?"""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

from regen_core.canonical import canonical_json
from tests.integration.runner.pods import INSTRUCTION, TIMEOUT, Pod, add_job, job_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.database_fixtures import Database


def test_that_the_first_pod_gets_all_it_needs(pod: Pod, database: Database) -> None:
    add_job(database)
    status, lines = pod.run("prepare")
    assert (status, pod.message()) == (0, "")
    assert pod.path("in", "instruction.json").read_bytes() == canonical_json(INSTRUCTION)
    assert pod.path("in", "go").is_file()
    assert pod.path("in", "sources").is_dir()
    nonce = pod.path("trust", "nonce")
    assert len(nonce.read_text()) == 64
    assert stat.S_IMODE(nonce.stat().st_mode) == 0o400
    assert stat.S_IMODE(pod.path("in", "instruction.json").stat().st_mode) == 0o444
    assert nonce.read_text() not in json.dumps(lines)
    with database.connect() as connection:
        fences = connection.execute('SELECT "jobId", "podUid", "podName", nonce FROM "RegenerationRun"').fetchall()
    assert fences == [("job1", "uid-1", "pod-uid-1", nonce.read_text())]


def test_that_a_second_pod_waits_until_the_job_has_ended(pod: Pod, database: Database, tmp_path: Path) -> None:
    add_job(database)
    assert pod.run("prepare")[0] == 0
    second = Pod(tmp_path / "second", pod.database_url, pod.output_url, uid="uid-2")
    with second.begin("prepare") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["step"] == "fence is taken, waiting until the job has ended"
        assert process.poll() is None
        pod.leave(report_txt=b"text")
        assert pod.run("publish")[0] == 0
        assert process.wait(TIMEOUT) == 64
    assert "the job has ended" in second.message()
    assert list(second.path("in").iterdir()) == list(second.path("trust").iterdir()) == []
    assert job_of(database)[0] == "COMPLETED"


def test_that_the_same_pod_started_again_waits_too_until_its_deadline(pod: Pod, database: Database) -> None:
    add_job(database)
    assert pod.run("prepare")[0] == 0
    pod.path("in", "go").unlink()
    pod.extra["REGEN_ACTIVE_DEADLINE_SECONDS"] = "1"
    assert pod.run("prepare")[0] == 64
    assert "another process has started this job and it has not ended before this pod's deadline" in pod.message()
    assert not pod.path("in", "go").exists()
    assert job_of(database)[0] == "RUNNING"


def test_that_a_pending_job_is_not_started(pod: Pod, database: Database) -> None:
    add_job(database, claim=False)
    assert pod.run("prepare")[0] == 64
    assert "the job is PENDING" in pod.message()
    assert job_of(database)[0] == "PENDING"


def test_that_an_unknown_job_is_not_started(pod: Pod) -> None:
    assert pod.run("prepare")[0] == 64
    assert "there is no such job" in pod.message()


def test_that_sigterm_while_waiting_ends_it_at_once(pod: Pod, database: Database, tmp_path: Path) -> None:
    add_job(database)
    assert pod.run("prepare")[0] == 0
    second = Pod(tmp_path / "second", pod.database_url, pod.output_url, uid="uid-2")
    with second.begin("prepare") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(TIMEOUT) == 143
    assert "ended by SIGTERM" in second.message()
    assert job_of(database)[0] == "RUNNING"


def test_that_a_wrong_setting_ends_it_before_anything(pod: Pod, database: Database) -> None:
    add_job(database)
    pod.extra["REGEN_MAX_SOURCE_BYTES"] = "plenty"
    with pod.begin("prepare") as process:
        output, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "REGEN_MAX_SOURCE_BYTES: expected a whole number" in output
    assert "REGEN_MAX_SOURCE_BYTES" in pod.message()
    with database.connect() as connection:
        assert connection.execute('SELECT * FROM "RegenerationRun"').fetchall() == []
