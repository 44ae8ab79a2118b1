"""Which processes can an executor make, reach or leave behind?"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from regen_runner.execute.sandbox import numbers
from tests.integration.runner.execute.conftest import has_ended

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod


def test_no_process_and_no_program_can_be_started(pod: Pod) -> None:
    answer = pod.run("escapes.processes").answer
    assert answer.pop("clone3") == "ENOSYS"
    assert answer == dict.fromkeys(("fork", "clone", "clone with namespace", "run", "exec"), "EPERM")


def test_a_fork_bomb_makes_nothing(pod: Pod) -> None:
    assert pod.run("escapes.fork_bomb").answer == {"made": 0}


def test_threads_can_be_started(pod: Pod) -> None:
    assert pod.run("escapes.threads").answer == 20


def test_the_supervisor_cannot_be_signalled_or_limited(pod: Pod) -> None:
    answer = pod.run("escapes.signals").answer
    assert answer.pop("to itself") == "allowed"
    assert set(answer.values()) == {"EPERM"}


def test_with_subprocesses_the_supervisor_still_cannot(pod: Pod) -> None:
    run = pod.run("escapes.signals", env={"REGEN_SUBPROCESSES": "true"})
    answer = run.answer
    assert answer.pop("to itself") == "allowed"
    assert set(answer.values()) == {"EPERM"}


def test_ways_around_the_sandbox_in_the_kernel_are_closed(pod: Pod) -> None:
    answer = pod.run("escapes.kernel").answer
    absent = {"memfd_create", "openat2", "not invented yet", "x32"} & set(answer)
    assert {name: answer[name] for name in absent} == dict.fromkeys(absent, "ENOSYS")
    assert {name: outcome for name, outcome in answer.items() if name not in absent and outcome != "EPERM"} == {}


@pytest.mark.skipif(os.uname().machine != numbers.X86_64, reason="not proven here: only x86_64 has a second way to call")
def test_calls_of_another_architecture_kill(pod: Pod) -> None:
    classification, message = pod.run("escapes.call_as_32_bits").failure
    assert classification == "executor"
    # A kernel without 32 bit calls ends it by SIGSEGV, before any filter.
    assert message in {"the executor was killed by SIGSYS", "the executor was killed by SIGSEGV"}


def test_the_sandbox_cannot_be_taken_off(pod: Pod) -> None:
    answer = pod.run("escapes.unlock").answer
    assert answer["raise limit"] == "EPERM"
    assert answer["privileges"] == "EINVAL"
    assert answer["uid"] == "EPERM"


def test_with_subprocesses_programs_run_in_the_same_sandbox(pod: Pod) -> None:
    answer = pod.run("escapes.programs", env={"REGEN_SUBPROCESSES": "true"}).answer
    assert answer == {"echo": "ran\n", "python": "13\n1\n", "own program": "EACCES"}


def test_a_process_left_in_its_own_session_is_killed(pod: Pod) -> None:
    run = pod.run("escapes.leave_a_process", env={"REGEN_SUBPROCESSES": "true"})
    assert run.result.error is None
    with pytest.raises(ProcessLookupError):
        os.kill(run.answer["pid"], 0)


def test_a_process_left_by_a_run_that_times_out_is_killed(pod: Pod) -> None:
    run = pod.run("escapes.leave_a_process", hang=True, env={"REGEN_SUBPROCESSES": "true", "REGEN_TIME_LIMIT_SECONDS": "1.5"})
    assert run.failure[0] == "timeout"
    with pytest.raises(ProcessLookupError):
        os.kill(int(run.log.split()[1]), 0)


def test_a_killed_supervisor_takes_the_executor_with_it(pod: Pod) -> None:
    with pod.start("endings.hang") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[1])
        process.send_signal(signal.SIGKILL)
        assert has_ended(child)
