"""Is exactly the executor loaded that was asked for, and does everything else end in a clear error?"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from regen_core.errors import Classification
from regen_executors.discovery import AmbiguousType, NotAnExecutor, UnknownType, known_types, load

if TYPE_CHECKING:
    from pathlib import Path

_GOOD = """
class Good:
    type = "good"
    version = "1"
    def run(self, instruction):
        return None
"""


def _install(folder: Path, package: str, code: str, entry: str) -> None:
    (folder / f"{package}.py").write_text(code)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[regen.executors]\n{entry}\n")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_shipped_executors_are_found_and_loaded() -> None:
    assert {"document", "export"} <= set(known_types())
    assert load("document").type == "document"
    assert load("export").type == "export"


def test_a_package_on_the_path_registers_an_executor(path: Path) -> None:
    _install(path, "regen_found_good", _GOOD, "good = regen_found_good:Good")
    assert "good" in known_types()
    assert load("good").version == "1"


def test_an_unknown_type_is_a_validation_error_that_names_the_known_ones() -> None:
    with pytest.raises(UnknownType, match=r"document.*got 'nothing'") as caught:
        load("nothing")
    assert caught.value.classification is Classification.VALIDATION


def test_two_claimants_of_one_type_are_refused_and_named(path: Path) -> None:
    _install(path, "regen_claim_a", _GOOD, "good = regen_claim_a:Good")
    _install(path, "regen_claim_b", _GOOD, "good = regen_claim_b:Good")
    with pytest.raises(AmbiguousType, match=r"regen_claim_a 1\.0.*regen_claim_b 1\.0"):
        load("good")


def test_a_name_that_cannot_be_a_type_is_not_listed(path: Path) -> None:
    _install(path, "regen_odd_name", _GOOD, "Not-A-Type = regen_odd_name:Good")
    assert "Not-A-Type" not in known_types()


@pytest.mark.parametrize(
    ("number", "code", "fault"),
    [
        (0, "Good = 3", "expected a class, got int"),
        (1, _GOOD.replace('"good"', '"other"'), "type to be 'good', got 'other'"),
        (2, _GOOD.replace('version = "1"', "version = 1"), "version to be a string"),
        (3, _GOOD.replace('version = "1"', 'version = ""'), "version to be a string"),
        (4, _GOOD.replace("def run", "def walk"), "expected a method run"),
        (5, _GOOD.replace("(self, instruction)", "(self)"), "take one instruction"),
        (6, _GOOD.replace("def run", "def __init__(self, needed): pass\n    def run"), "can be created without arguments"),
        (7, "Other = 1", "cannot be imported"),
        (8, "import regen_no_such_module", "cannot be imported"),
    ],
)
def test_what_is_no_executor_is_refused_with_its_fault(path: Path, number: int, code: str, fault: str) -> None:
    _install(path, f"regen_bad_{number}", code, f"good = regen_bad_{number}:Good")
    with pytest.raises(NotAnExecutor, match=fault):
        load("good")


def test_asking_for_the_types_imports_no_executor() -> None:
    code = (
        "import sys; from regen_executors.discovery import known_types; known_types();"
        "print(sorted({'typst', 'pyarrow', 'jinja2', 'markdown_it', 'xlsxwriter'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60).stdout
    assert printed.strip() == "[]"
