"""Is what an executor says left to publish, scrubbed and bounded, whether it ends well or not, and by nobody but us?"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from regen_core.names import LOG_NAME
from regen_runner.execute.kept_log import MAX_KEPT_BYTES
from regen_runner.execute.scrubbing import HIDDEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.runner.execute.conftest import Pod

SECRET = "a key that the class was given"


def log_of(pod: Pod) -> Path:
    return pod.root / "result" / LOG_NAME


@pytest.mark.parametrize("fails", [[], ["yes"]], ids=["succeeds", "fails"])
def test_both_streams_are_left_in_order_without_the_class_secret(pod: Pod, fails: list[str]) -> None:
    run = pod.run("endings.talk", env={"EXECUTOR_KEY": SECRET}, out=f"with {SECRET}\n", err="and so\n", fails=fails)
    assert run.status == 0
    assert (run.result.error is not None) is bool(fails)
    text = log_of(pod).read_text()
    assert text.startswith(f"with {HIDDEN}")
    assert "and so\n" in text
    assert SECRET not in text
    assert stat.S_IMODE(log_of(pod).stat().st_mode) == 0o444


def test_one_that_says_nothing_leaves_none(pod: Pod) -> None:
    assert pod.run("endings.talk", out="", err="").result.error is None
    assert not log_of(pod).exists()


def test_a_flood_is_kept_at_both_ends(pod: Pod) -> None:
    assert pod.run("endings.flood", bytes=12 << 20).answer == "flooded"
    assert log_of(pod).stat().st_size <= MAX_KEPT_BYTES
    assert b"bytes left out here" in log_of(pod).read_bytes()


def test_one_that_is_killed_at_its_limit_leaves_what_it_said(pod: Pod) -> None:
    run = pod.run("endings.hang", env={"REGEN_TIME_LIMIT_SECONDS": "1"})
    assert run.failure[0] == "timeout"
    assert log_of(pod).read_text() == run.log


def test_the_executor_cannot_write_there(pod: Pod) -> None:
    run = pod.run("escapes.write", paths=[str(log_of(pod))])
    assert run.answer == {str(log_of(pod)): "EACCES"}
    assert not log_of(pod).exists()
