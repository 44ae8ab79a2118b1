"""Is the table of crash points whole: no seam that is gone, no effect without a point, and nothing of it in what ships?"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.faults.effects import EFFECTS, POINTS
from tests.faults.scenarios import SCENARIOS
from tests.faults.seams import PORTS, SEAMS, Seam

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("core", "operator", "runner", "executors", "api", "cli")


def found(target: str) -> Any:
    module, _, path = target.partition(":")
    value: Any = import_module(module)
    for part in path.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: f"{seam.program} {seam.target}")
def test_every_seam_is_there(seam: Seam) -> None:
    assert inspect.isfunction(found(seam.target))


@pytest.mark.parametrize("port", PORTS)
def test_every_method_of_a_port_has_a_point_or_changes_nothing(port: str) -> None:
    methods = {name for name, _ in inspect.getmembers(found(port), inspect.isfunction) if not name.startswith("_")}
    wrapped = {seam.target.removeprefix(f"{port}.") for seam in SEAMS if seam.target.startswith(f"{port}.")}
    assert methods == wrapped | PORTS[port]
    assert wrapped & PORTS[port] == set()


def test_every_program_has_points_and_every_story_is_told() -> None:
    programs = {seam.program for seam in SEAMS} - {"migrate"}
    assert {name.partition(".")[0] for name in EFFECTS} == programs
    assert {one.scenario for one in EFFECTS.values()} == SCENARIOS.keys()
    assert len(POINTS) == 2 * len(EFFECTS)


def test_nothing_that_ships_knows_of_it() -> None:
    sources = [path for folder in SHIPPED for path in (ROOT / folder).rglob("*.py")]
    assert sources
    assert [path for path in sources if "tests.faults" in path.read_text() or "crash point" in path.read_text()] == []
    copied = [line for path in ROOT.glob("Dockerfile.*") for line in path.read_text().splitlines() if line.startswith("COPY")]
    assert copied
    assert [line for line in copied if "tests" in line] == []
