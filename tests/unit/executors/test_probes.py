"""Are the test-only executors registered by their folder alone, and do they do what the fault tests count on?"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from regen_executors.discovery import known_types, load
from regen_executors.interface import Instruction, InvalidInput

if TYPE_CHECKING:
    from regen_executors.interface import Artifact

_FOLDER = Path(__file__).parents[2] / "executors"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_FOLDER))


def _artifact(job_type: str, inputs: dict[str, Any], out: Path) -> Artifact:
    return load(job_type).run(Instruction(job_type, inputs, {}, out)).artifacts[0]


def test_the_folder_on_the_path_registers_all_of_them() -> None:
    probes = {name for name in known_types() if name.startswith("probe_")}
    kinds = ("count", "crash", "exit", "flood", "hostile", "links", "memory", "noop", "sleep")
    assert probes >= {f"probe_{kind}" for kind in kinds}
    assert all(load(name).type == name for name in probes)


def test_crash_raises_as_asked(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        _artifact("probe_crash", {"message": "on purpose"}, tmp_path)
    with pytest.raises(InvalidInput):
        _artifact("probe_crash", {"as": "invalid"}, tmp_path)


@pytest.mark.parametrize("job_type", ["probe_noop", "probe_count", "probe_sleep"])
def test_the_harmless_ones_make_one_artifact(job_type: str, tmp_path: Path) -> None:
    assert _artifact(job_type, {"seconds": 0}, tmp_path).body == b"noop\n"


@pytest.mark.parametrize(
    ("kind", "is_it"),
    [("symlink", stat.S_ISLNK), ("fifo", stat.S_ISFIFO), ("folder", stat.S_ISDIR), ("hardlink", stat.S_ISREG)],
)
def test_links_leaves_what_is_asked_for(kind: str, is_it: Any, tmp_path: Path) -> None:
    left = _artifact("probe_links", {"kind": kind}, tmp_path).body
    assert isinstance(left, Path)
    assert is_it(left.lstat().st_mode)
    assert left.lstat().st_nlink == 2 or kind != "hardlink"


@pytest.mark.parametrize("where", ["out", "body"])
def test_flood_makes_as_many_bytes_as_asked(where: str, tmp_path: Path) -> None:
    body = _artifact("probe_flood", {"bytes": 100_001, "to": where}, tmp_path).body
    assert len(body if isinstance(body, bytes) else body.read_bytes()) == 100_001


def test_hostile_tries_nothing_without_a_sandbox(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no_new_privs is not set"):
        _artifact("probe_hostile", {}, tmp_path)
    assert list(tmp_path.iterdir()) == []
