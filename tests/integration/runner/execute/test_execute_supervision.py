"""What does the supervisor do when the executor hangs or floods, and when it is told to stop?"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.runner.execute.conftest import PATIENCE_SECONDS

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod

FOUR_MEBIBYTES = 4 << 20


def test_a_run_beyond_its_limit_is_killed_and_told(pod: Pod) -> None:
    before = time.monotonic()
    run = pod.run("endings.hang", env={"REGEN_TIME_LIMIT_SECONDS": "1"})
    assert time.monotonic() - before < 10
    assert run.status == 0
    assert run.failure == ("timeout", "the executor did not end within its limit of 1 seconds")
    with pytest.raises(ProcessLookupError):
        os.kill(int(run.log.split()[1]), 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_supervisor_told_to_stop_kills_the_executor_and_leaves_no_envelope(pod: Pod, number: signal.Signals) -> None:
    with pod.start("endings.hang", env={"REGEN_TIME_LIMIT_SECONDS": "600"}) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[1])
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + number
    assert pod.left(process.returncode).envelope is None
    assert not (pod.root / "result" / ".envelope.json.draft").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_log_comes_through(pod: Pod) -> None:
    run = pod.run("endings.flood", bytes=100_000)
    assert len(run.log) > 99_000
    assert set(run.log.split()) == {"log"}


def test_a_flood_of_log_is_cut_and_says_so(pod: Pod) -> None:
    run = pod.run("endings.flood", bytes=3 * FOUR_MEBIBYTES)
    assert run.answer == "flooded"
    assert FOUR_MEBIBYTES <= len(run.log) < FOUR_MEBIBYTES + 200
    assert "[regen] the executor's log was cut: " in run.log[-200:]


def test_a_log_that_nobody_reads_does_not_hold_up_the_time_limit(pod: Pod) -> None:
    process = pod.start("endings.endless_flood", env={"REGEN_TIME_LIMIT_SECONDS": "1"})
    assert process.wait(PATIENCE_SECONDS) == 0
    process.communicate(timeout=PATIENCE_SECONDS)
    assert pod.left(0).failure[0] == "timeout"


def test_a_log_whose_reader_left_does_not_end_the_run(pod: Pod) -> None:
    process = pod.start("endings.flood", bytes=1 << 20)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(PATIENCE_SECONDS) == 0
    assert pod.left(0).answer == "flooded"
