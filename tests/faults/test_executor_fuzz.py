"""Does every generated source end in the same values or in a refusal that names its field, within a limit of CPU time?"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.executor_fuzz import KINDS


def outcomes(kind: str, seed: int, count: int) -> dict[int, str]:
    command = [sys.executable, "-m", "tests.faults.executor_fuzz", kind, str(seed), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["number"]: line["outcome"] for line in lines}


def check(kind: str, seed: int, count: int) -> None:
    found = outcomes(kind, seed, count)
    assert len(found) == count
    assert {number: one for number, one in found.items() if one not in {"completed", "refused"}} == {}
    assert "completed" in found.values(), "a fuzz that completes nothing checks nothing"


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_sources_of_each_kind(kind: str) -> None:
    check(kind, seed=1, count=15)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_many_sources_of_each_kind(kind: str) -> None:
    check(kind, seed=2, count=300)
