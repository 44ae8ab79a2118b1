"""Real executors on real inputs; nothing is mocked here. Data sets are those that the vega-datasets wheel carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from regen_executors.discovery import load
from regen_executors.interface import Instruction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Runs an executor of a type on inputs and sources (name → bytes or path): artifact → its bytes."""
    runs = iter(range(1_000_000))

    def run_it(job_type: str, inputs: Mapping[str, Any], sources: Mapping[str, bytes | Path] | None = None) -> dict[str, bytes]:
        folder = tmp_path / f"run-{next(runs)}"
        (folder / "out").mkdir(parents=True)
        paths: dict[str, Path] = {}
        for name, content in (sources or {}).items():
            paths[name] = content if isinstance(content, Path) else folder / name
            if isinstance(content, bytes):
                paths[name].write_bytes(content)
        result = load(job_type).run(Instruction(job_type, inputs, paths, folder / "out"))
        return {a.name: a.body if isinstance(a.body, bytes) else a.body.read_bytes() for a in result.artifacts}

    return run_it


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of the vega data sets. The package itself is not imported: it pulls in pandas."""
    spec = find_spec("vega_datasets")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "_data"
