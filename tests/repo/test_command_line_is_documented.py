"""Does docs/cli.md name every command, exit status, setting and invariant that there is, and no other?"""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from regen_cli import exits
from regen_cli.main import app
from regen_verify import Invariant

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
ELSEWHERE = {"migrate.py", "rerun.py"}
"""One has a table of its own; the other sets variables for the runner's program and reads none."""
SOURCES = [path.read_text(encoding="utf-8") for path in (ROOT / "cli/regen_cli").glob("*.py") if path.name not in ELSEWHERE]


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> list[str]:
    """The first column of the section's table, without its head."""
    return [line.split("|")[1].strip() for line in section(title).splitlines() if line.startswith("|")][2:]


def test_every_command_is_named() -> None:
    group = get_command(app)
    names = list(group.commands)  # type: ignore[attr-defined] # an app with several commands is a group
    assert [name for name in names if f"`regen {name}" not in TEXT and f"`{name}" not in TEXT] == []


def test_the_exit_statuses_are_those_of_the_code() -> None:
    values = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert [int(cell) for cell in first_cells("Exit statuses")] == sorted({0} | values)


def test_the_settings_are_those_that_are_read() -> None:
    read = set(re.findall(r'"(REGEN_[A-Z_]+)"', "\n".join(SOURCES)))
    documented = set(re.findall(r"REGEN_[A-Z_]+", " ".join(first_cells("Settings"))))
    assert documented == read


def test_the_invariants_are_those_of_the_checker() -> None:
    elsewhere = {"starts", "immutable", "secrets"}
    cells = [cell.strip("`") for cell in first_cells("Checking the whole system")]
    assert cells == [str(one) for one in Invariant if str(one) not in elsewhere]
    assert all(f"`{name}`" in section("Checking the whole system") for name in elsewhere)
