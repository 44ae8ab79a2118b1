"""When does execute start an executor, and when does it do nothing?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.runner.execute.conftest import MAIN

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod


def test_without_the_go_file_nothing_starts(pod: Pod) -> None:
    (pod.root / "in" / "go").unlink()
    run = pod.run("endings.good", text="x")
    assert run.status == 64
    assert list((pod.root / "result").iterdir()) == []
    assert list((pod.root / "out").iterdir()) == []


def test_a_second_start_does_nothing_and_touches_nothing(pod: Pod) -> None:
    pod.run("endings.good", text="first")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in pod.root.glob("*/*") if path.is_file()}
    run = pod.run("endings.good", text="first")
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in pod.root.glob("*/*") if path.is_file()}
    instruction = pod.root / "in" / "instruction.json"
    assert run.status == 64
    assert before.pop(instruction)[0] == after.pop(instruction)[0]
    assert before == after


def test_a_start_after_a_killed_one_does_nothing(pod: Pod) -> None:
    (pod.root / "result" / "started").touch()
    run = pod.run("endings.good", text="x")
    assert (run.status, run.envelope) == (64, None)


def test_a_go_without_an_instruction_is_our_failure(pod: Pod) -> None:
    path = pod.root / "in" / "instruction.json"
    classification, message = pod.run("endings.good", program=f"import os; os.unlink({str(path)!r}); {MAIN}").failure
    assert classification == "internal"
    assert "instruction.json" in message


def test_an_instruction_of_another_type_is_our_failure(pod: Pod) -> None:
    assert pod.run("endings.good", env={"REGEN_JOB_TYPE": "other"}).failure == (
        "internal",
        "instruction.json is of type 'probe', REGEN_JOB_TYPE says 'other'",
    )


@pytest.mark.parametrize("variable", ["REGEN_IN_DIR", "REGEN_RESULT_DIR"])
def test_without_the_folders_to_report_in_the_program_fails(pod: Pod, variable: str) -> None:
    run = pod.run("endings.good", env={variable: "(unset)"})
    assert run.status == 1
    assert f"{variable}: expected the absolute path of a folder" in run.error


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("REGEN_OUT_DIR", "/nowhere/at/all", "expected the absolute path of a folder"),
        ("TMPDIR", "(unset)", "expected the absolute path of a folder"),
        ("REGEN_JOB_TYPE", "../x", "expected an executor's type"),
        ("REGEN_TIME_LIMIT_SECONDS", "soon", "expected a positive number of seconds"),
        ("REGEN_TIME_LIMIT_SECONDS", "nan", "expected a positive number of seconds"),
        ("REGEN_TIME_LIMIT_SECONDS", "0", "expected a positive number of seconds"),
        ("REGEN_SANDBOX", "off", "expected one of require, best-effort"),
        ("REGEN_EGRESS", "all", "expected one of none, open"),
        ("REGEN_SUBPROCESSES", "yes", "expected one of false, true"),
        ("REGEN_MAX_MEMORY_BYTES", "1Gi", "expected a whole number of bytes"),
        ("REGEN_MAX_OUTPUT_BYTES", "0", "expected a whole number of bytes"),
        ("PYTHONHASHSEED", "(unset)", "expected '0'"),
    ],
)
def test_a_wrong_setting_is_named_in_the_envelope(pod: Pod, variable: str, value: str, expected: str) -> None:
    run = pod.run("endings.good", env={variable: value})
    classification, message = run.failure
    assert (run.status, classification) == (0, "internal")
    assert message.startswith(f"{variable}: {expected}")


def test_a_temporary_folder_that_holds_the_result_is_refused(pod: Pod) -> None:
    message = pod.run("endings.good", env={"TMPDIR": str(pod.root)}).failure[1]
    assert "expected a folder outside of TMPDIR" in message


def test_one_line_goes_to_the_termination_log(pod: Pod) -> None:
    log = pod.root / "termination-log"
    log.touch()
    pod.run("endings.invalid", env={"REGEN_TERMINATION_LOG": str(log)})
    assert log.read_text() == "execute: validation: inputs.rows: expected a number above 0\n"
