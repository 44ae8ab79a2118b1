"""Is there no cycle of imports between modules, imports inside functions included?"""

from __future__ import annotations

import graphlib
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["root_packages"]


def check_acyclic(imports: dict[str, set[str]]) -> None:
    """Raises ``CycleError``, which names the modules, where imports form a cycle."""
    graphlib.TopologicalSorter(imports).prepare()


def test_modules_form_no_cycle() -> None:
    graph = grimp.build_graph(*PACKAGES)
    imports = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    assert len(imports) > 300
    check_acyclic(imports)


def test_a_cycle_is_found() -> None:
    with pytest.raises(graphlib.CycleError):
        check_acyclic({"a": {"b"}, "b": {"a"}})
