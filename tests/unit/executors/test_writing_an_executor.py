"""Does the example in docs/writing-an-executor.md work as it stands there?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from regen_executors.discovery import load
from regen_executors.interface import Instruction

_PAGE = Path(__file__).parents[3] / "docs" / "writing-an-executor.md"
_FILE = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<content>.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The page's files, and the metadata that installing them would make."""
    files = {match["name"]: match["content"] for match in _FILE.finditer(_PAGE.read_text("utf-8"))}
    assert set(files) == {"acme_executors.py", "test_acme_executors.py", "pyproject.toml"}
    for name, content in files.items():
        (tmp_path / name).write_text(content, "utf-8")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = tmp_path / "acme_executors-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entries = project["entry-points"]["regen.executors"].items()
    (info / "entry_points.txt").write_text("[regen.executors]\n" + "".join(f"{name} = {value}\n" for name, value in entries))
    return tmp_path


def test_the_example_is_found_by_its_type_and_runs(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    source = package / "text.txt"
    source.write_text("a b a")
    result = load("word_count").run(Instruction("word_count", {"source": "text.txt"}, {"text.txt": source}, package))
    assert result.artifacts[0].body == b'[{"word": "a", "count": 2}, {"word": "b", "count": 1}]'


def test_the_examples_own_tests_pass(package: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_executors.py"],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
