"""Does ``regen verify`` vouch for an output that is as it was, and for no other?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from regen_core.canonical import instruction_digest
from tests.integration.cli.conftest import FILES
from tests.integration.database.jobs import instruction

if TYPE_CHECKING:
    from tests.integration.cli.conftest import World


def test_an_output_that_is_as_it_was(stored: World) -> None:
    stored.completed("j")
    answer = stored.regen.json("verify", "j")
    assert (answer["ok"], answer["events"], answer["signature"], answer["violations"]) == (True, 3, "unsigned", [])
    assert [one["sizeBytes"] for one in answer["objects"]][:2] == [len(content) for content in FILES.values()]
    lines = stored.regen("verify", "j").stdout.splitlines()
    assert [line.split()[:2] for line in lines[:6]] == [
        ["ok", "a.txt"], ["ok", "b.txt"], ["ok", "manifest"], ["ok", "provenance"], ["ok", "instruction"], ["ok", "audit"],
    ]  # fmt: skip
    assert instruction_digest(instruction()) in lines[4]
    assert lines[6].startswith("not signed: ")
    assert lines[7] == "not checked: whether a second run writes the same bytes (--rerun)"


@pytest.mark.parametrize("name", ["a.txt", "manifest.json", "provenance.intoto.jsonl"])
@pytest.mark.parametrize("spoil", ["change", "remove"])
def test_a_spoiled_object(either: World, name: str, spoil: str) -> None:
    either.completed("j")
    path = Path(either.output_url.removeprefix("file://"), "document/j", name)
    if spoil == "remove":
        path.unlink()
    else:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().swapcase())
    done = either.regen("verify", "j")
    assert done.returncode == 5
    assert done.stdout.startswith("VIOLATION ")
    assert "\nok" not in done.stdout


def test_other_jobs_are_not_looked_at(either: World) -> None:
    either.completed("j")
    either.completed("k")
    Path(either.output_url.removeprefix("file://"), "document/k/a.txt").unlink()
    assert either.regen("verify", "j").returncode == 0
    assert either.regen("verify", "k").returncode == 5


def test_it_needs_no_output_url(world: World) -> None:
    """The rows name every object."""
    world.completed("j")
    assert world.regen("verify", "j", REGEN_OUTPUT_URL="").returncode == 0


@pytest.mark.parametrize("status", ["pending", "running", "failed"])
def test_a_job_without_an_output(either: World, status: str) -> None:
    getattr(either, status)("j")
    done = either.regen("verify", "j")
    assert (done.returncode, done.stdout) == (3, "")
    assert f"is {status.upper()}. Only jobs that regen COMPLETED have outputs to verify" in done.stderr
