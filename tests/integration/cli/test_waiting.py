"""Do ``trigger --wait`` and ``watch`` end when the job does, with a status that scripts can rely on?"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.integration.database.jobs import LOST, claim, complete, fail, fail_run, start

if TYPE_CHECKING:
    from tests.integration.cli.conftest import World


@pytest.mark.parametrize(("ends", "status"), [("COMPLETED", 0), ("FAILED", 4)])
def test_trigger_waits_for_the_end(either: World, ends: str, status: int) -> None:
    with either.api.started("trigger", "document", "--wait") as process:
        assert process.stderr is not None
        job_id = process.stderr.readline().split()[4]
        assert claim(either.superuser) == [(job_id, "RUNNING")]
        start(either.superuser, job_id)
        assert (complete if ends == "COMPLETED" else fail_run)(either.superuser, job_id) == ends.lower()
        stdout, _ = process.communicate(timeout=30)
    assert process.returncode == status
    assert ["status", ends] in [line.split() for line in stdout.splitlines()]


def test_watch_prints_each_change_and_ends_with_the_last_job(either: World) -> None:
    either.completed("two")
    either.pending("one")
    with either.regen.started("watch", "one", "two") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split()[2:5] for _ in range(2)]
        assert lines == [["one", "document", "PENDING"], ["two", "document", "COMPLETED"]]
        claim(either.superuser)
        assert process.stdout.readline().split()[2:5] == ["one", "document", "RUNNING"]
        fail(either.superuser, {"id": "one"})
        assert process.stdout.readline().split()[2:6] == ["one", "document", "FAILED", "lost"]
        assert process.wait(timeout=30) == 4


def test_watch_without_a_job_shows_what_goes_on(either: World) -> None:
    either.completed("ended")
    either.pending("waits")
    done = either.regen("watch", "--timeout", "0.1")
    assert done.returncode == 0
    assert [line.split()[2:5] for line in done.stdout.splitlines()] == [
        ["ended", "document", "COMPLETED"],
        ["waits", "document", "PENDING"],
    ]


@pytest.mark.parametrize("arguments", [("watch", "j", "--timeout", "0.1"), ("watch", "j", "--timeout", "0")])
def test_a_job_that_goes_on_is_left_alone_when_the_time_is_up(either: World, arguments: tuple[str, ...]) -> None:
    either.running("j")
    done = either.regen(*arguments)
    assert done.returncode == 6
    assert "j is RUNNING. The jobs continue" in done.stderr


def test_watch_of_nothing_is_not_found(either: World) -> None:
    assert either.regen("watch", "nothing").returncode == 3


def test_ctrl_c_ends_it(world: World) -> None:
    world.running("j")
    with world.regen.started("watch", "j") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, "")


def test_what_an_executor_says_cannot_steer_the_terminal(either: World) -> None:
    either.failed("j", LOST | {"message": "\x1b[2Jgone\x07"})
    done = either.regen("show", "j")
    assert "\\x1b[2Jgone\\x07" in done.stdout
    assert "\x1b" not in done.stdout
