"""How does each way of ending a run show in the envelope?"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from regen_core.envelope import MAX_ENVELOPE_BYTES, DeclaredArtifact
from regen_runner.execute.scrubbing import HIDDEN

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod

SECRET = "a key: of the class"


def test_a_good_run_leaves_its_files_and_an_envelope_without_error(pod: Pod) -> None:
    run = pod.run("endings.good", text="hello")
    assert (run.status, run.result.error) == (0, None)
    assert (run.result.executor, run.result.executor_version) == ("probe", "7")
    assert run.result.artifacts == (
        DeclaredArtifact("small.txt", "text/plain"),
        DeclaredArtifact("large.bin", "application/octet-stream"),
    )
    assert (pod.root / "out" / "small.txt").read_bytes() == b"hello"
    assert (pod.root / "out" / "large.bin").read_bytes() == b"source bytes"
    assert run.result.started_at < run.result.finished_at
    assert run.result.usage["maxRssBytes"] > 1 << 20
    assert 0 < run.result.usage["cpuSeconds"] < 30


def test_the_envelope_says_what_the_sandbox_enforced(pod: Pod) -> None:
    report = pod.run("endings.good", text="").result.sandbox
    assert report["mode"] == "require"
    assert report["landlockFs"] is True
    assert report["seccomp"] is True
    assert report["noNewPrivs"] is True
    assert report["landlockAbi"] >= 1
    assert (report["egress"], report["subprocesses"]) == ("none", False)
    if report["landlockAbi"] >= 6:
        assert report["landlockNet"] == ["bindTcp", "connectTcp"]
        assert report["landlockScope"]


@pytest.mark.parametrize(
    ("do", "classification", "message"),
    [
        ("endings.invalid", "validation", "inputs.rows: expected a number above 0"),
        ("endings.capped", "capped", "inputs.rows: at most 10 rows"),
        ("endings.crash", "executor", "ZeroDivisionError: half of \ufffdnothing ?"),
        ("endings.segfault", "executor", "the executor was killed by SIGSEGV"),
        ("endings.kill_itself", "executor", "the executor was killed by SIGKILL"),
        ("endings.leave", "executor", "the executor ended before it returned a result (exit status 3)"),
        ("endings.leave_politely", "executor", "SystemExit: enough"),
        ("endings.no_artifacts", "executor", "the executor returned no artifact, expected one or more"),
        ("endings.nothing", "executor", "the executor returned ExecutionResult, expected an ExecutionResult with artifacts"),
        ("endings.same_name_twice", "output", "artifact name: expected a file name of its own, got 'a'"),
        ("endings.path_as_name", "output", "artifact name: expected a file name of its own, got '../result/envelope.json'"),
    ],
)
def test_each_failure_has_its_classification_and_message(pod: Pod, do: str, classification: str, message: str) -> None:
    run = pod.run(do)
    assert run.status == 0
    assert run.failure == (classification, message)


def test_a_wrong_input_is_named_by_its_field(pod: Pod) -> None:
    error = pod.run("endings.invalid").result.error
    assert error is not None
    assert error.detail == {"field": "inputs.rows", "expected": "expected a number above 0"}


def test_an_executor_crash_shows_the_executors_frames_only(pod: Pod) -> None:
    error = pod.run("endings.crash").result.error
    assert error is not None
    assert "in crash" in error.detail["trace"]
    assert "execute/child.py" not in error.detail["trace"]


@pytest.mark.parametrize("do", ["endings.crash_with_a_secret", "endings.invalid_with_a_secret"])
def test_no_secret_of_the_class_is_in_the_error(pod: Pod, do: str) -> None:
    message = pod.root / "termination-log"
    message.touch()
    run = pod.run(do, env={"EXECUTOR_KEY": SECRET, "REGEN_TERMINATION_LOG": str(message)})
    error = run.result.error
    assert error is not None
    assert HIDDEN in error.message
    assert all(HIDDEN in text for text in error.detail.values())
    left = (pod.root / "result" / "envelope.json").read_text() + message.read_text() + run.error + run.log
    assert HIDDEN in message.read_text()
    assert SECRET not in left
    assert quote(SECRET) not in left


def test_a_long_trace_and_message_are_cut(pod: Pod) -> None:
    run = pod.run("endings.deep_crash")
    error = run.result.error
    assert error is not None
    assert error.message.startswith("LookupError: xxx")
    assert len(error.message) <= 4096
    assert len(error.detail["trace"]) <= 8192


def test_a_body_outside_of_the_out_folder_is_refused(pod: Pod) -> None:
    message = pod.run("endings.body_elsewhere").failure[1]
    assert "expected its body to be bytes or a regular file a in the out folder" in message


def test_an_unknown_type_is_a_validation_failure(pod: Pod) -> None:
    pod.type = "nobody"
    classification, message = pod.run("endings.good").failure
    assert classification == "validation"
    assert "'nobody'" in message


def test_memory_beyond_the_limit_is_resources(pod: Pod) -> None:
    run = pod.run("endings.eat_memory", bytes=512 << 20, env={"REGEN_MAX_MEMORY_BYTES": str(256 << 20)})
    assert run.failure == ("resources", "the executor ran out of memory")


def test_memory_within_the_limit_is_given(pod: Pod) -> None:
    run = pod.run("endings.eat_memory", bytes=64 << 20, env={"REGEN_MAX_MEMORY_BYTES": str(256 << 20)})
    assert run.answer == 64 << 20


def test_a_file_beyond_the_limit_is_resources(pod: Pod) -> None:
    run = pod.run("endings.write_much", bytes=3 << 20, env={"REGEN_MAX_OUTPUT_BYTES": str(1 << 20)})
    assert run.failure[0] == "resources"
    assert (pod.root / "out" / "much").stat().st_size <= 1 << 20


@pytest.mark.parametrize("do", ["endings.many_artifacts", "endings.huge_media_type"])
def test_a_report_larger_than_the_pipe_may_carry_ends_the_run(pod: Pod, do: str) -> None:
    run = pod.run(do)
    assert run.failure == ("executor", "the executor's report is larger than 1 MiB")
    assert (pod.root / "result" / "envelope.json").stat().st_size <= MAX_ENVELOPE_BYTES


@pytest.mark.parametrize(
    "forged",
    [
        "not json\n",
        "[]\n",
        "[" * 100_000 + "\n",
        '{"ok": true, "version": "1", "artifacts": "all"}\n',
        '{"ok": true, "version": "1", "artifacts": []}\n',
        '{"ok": false, "version": "1", "classification": "cancelled", "message": "", "detail": {}}\n',
        '{"ok": false, "version": "1", "classification": "executor", "message": 1, "detail": {}}\n',
        '{"ok": true, "version": "1", "artifacts": [{"name": "a", "mediaType": "b"}]}\n{"ok": true}\n',
    ],
    ids=range(8),
)
def test_a_forged_report_is_the_executors_failure(pod: Pod, forged: str) -> None:
    classification, message = pod.run("endings.forge_report", text=forged).failure
    assert classification == "executor"
    assert message.startswith("the executor's report cannot be used: ")


def test_a_forged_report_cannot_speak_for_the_sandbox(pod: Pod) -> None:
    run = pod.run("endings.forge_report", text='{"sandbox": {"mode": "none"}, "failure": "x"}\n')
    assert run.result.sandbox["mode"] == "require"
    assert run.failure[0] == "executor"
