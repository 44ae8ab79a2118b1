"""Does docs/reliability.md say of every crash point and of every fault what the tests say, and name tests that there are?"""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.effects import EFFECTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
FAULTS = sorted((ROOT / "tests" / "faults").glob("test_*_faults.py"))


def functions(path: Path) -> set[str]:
    return set(re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE))


def named() -> set[tuple[str, str]]:
    return set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE.read_text(encoding="utf-8")))


def test_every_named_test_exists() -> None:
    assert len(named()) > 50
    missing = [name for name in sorted(named()) if not (ROOT / name[0]).exists() or name[1] not in functions(ROOT / name[0])]
    assert missing == []


def test_every_fault_that_is_tested_is_named() -> None:
    tested = {(str(path.relative_to(ROOT)), name) for path in FAULTS for name in functions(path)}
    assert len(tested) > 30
    assert tested - named() == set()


def test_the_table_of_crash_points_is_the_tests_own() -> None:
    rows = re.findall(
        r"^\| `([a-z]+\.[a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert rows == [(name, effect.before, effect.after) for name, effect in EFFECTS.items()]
