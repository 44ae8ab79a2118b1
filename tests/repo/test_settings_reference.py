"""Are the tables of settings those that the models make today?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from regen_operator.settings import Settings
from tests.repo.settings_reference import PAGES, written

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_that_of_today(page: Path) -> None:
    """``make reference`` writes it."""
    text = page.read_text(encoding="utf-8")
    assert written(text, PAGES[page]) == text


def test_what_is_missing_is_added_and_what_is_gone_goes() -> None:
    table = "|---|---|---|---|\n| `REGEN_GONE` | seconds | `1` | Once. |\n| `REGEN_POLL_SECONDS` | seconds | `7` | Kept. |\n"
    text = written(f"before\n{table}after\n", Settings)
    assert "REGEN_GONE" not in text
    assert "| `REGEN_POLL_SECONDS` | seconds | `1.0` | Kept. |\n" in text
    assert "| `REGEN_CLAIM_BATCH` |  | `20` |  |\n" in text
    assert text.startswith("before\n")
    assert text.endswith("|\nafter\n")
