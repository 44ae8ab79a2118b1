"""Is every variable that a program other than the operator reads documented, and nothing else?"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = ("runner/regen_runner/**/*.py", "cli/regen_cli/**/*.py")


def test_the_page_and_the_code_name_the_same_variables() -> None:
    sources = [path.read_text() for pattern in READERS for path in ROOT.glob(pattern)]
    read = {name for text in sources for name in re.findall(r'"(REGEN_[A-Z_]+)"', text)}
    assert len(read) > 20
    told = set(re.findall(r"`(REGEN_[A-Z_]+)`", (ROOT / "docs" / "configuration-programs.md").read_text()))
    assert told == read
