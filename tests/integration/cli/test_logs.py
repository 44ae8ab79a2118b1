"""Does ``regen logs`` print what was kept of a job, however it ended, and say why where nothing was?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.command import Command

if TYPE_CHECKING:
    from tests.integration.cli.conftest import World

LINES = b"one\n\ttwo \xe2\x80\xae three\nfour\n"
SHOWN = ["one", "    two \\x202e three", "four"]


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_what_was_kept(stored: World, end: str) -> None:
    getattr(stored, end)("j")
    stored.put("document/j/executor.log", LINES)
    done = stored.regen("logs", "j")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == SHOWN
    assert stored.regen("logs", "j", "--tail", "2").stdout.splitlines() == SHOWN[1:]


def test_nothing_was_kept(either: World) -> None:
    either.failed("j")
    done = either.regen("logs", "j")
    assert (done.returncode, done.stdout) == (3, "")
    assert "its executor wrote nothing, or its pod ended before the log could be stored" in done.stderr


def test_a_job_that_runs_is_looked_at_in_the_cluster(either: World) -> None:
    either.running("j")
    done = either.regen("logs", "j")
    assert done.returncode == 3
    assert "it is RUNNING. Run kubectl -n regen-runs logs job/regen-j --all-containers" in done.stderr


def test_a_failed_job_needs_to_know_the_store(world: World) -> None:
    world.failed("j")
    done = Command({"REGEN_DATABASE_URL": world.database.readonly_url})("logs", "j")
    assert done.returncode == 2
    assert done.stderr.startswith("regen: REGEN_OUTPUT_URL is not set")


def test_a_log_is_no_orphan_and_one_without_its_job_is(world: World) -> None:
    world.failed("j")
    world.completed("k")
    for key in ("document/j/executor.log", "document/k/executor.log", "document/nobody/executor.log", "document/j/half.bin"):
        world.put(key, LINES)
    done = world.regen("fsck")
    assert done.returncode == 0
    orphans = {line.rpartition("/document/")[2] for line in done.stdout.splitlines() if line.startswith("orphan ")}
    assert orphans == {"nobody/executor.log", "j/half.bin"}
