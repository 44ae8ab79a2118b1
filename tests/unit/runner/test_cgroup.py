"""Is the count of out-of-memory kills found wherever a container's control groups may be mounted?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from regen_runner.execute.cgroup import oom_kills

if TYPE_CHECKING:
    from pathlib import Path

V1 = "5:cpu,cpuacct:/kubepods/pod1/a\n4:memory:/kubepods/pod1/a\n"
EVENTS = "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"


@pytest.mark.parametrize(
    ("membership", "file", "content"),
    [
        ("0::/\n", "memory.events", EVENTS),
        ("0::/kubepods/a\n", "kubepods/a/memory.events", EVENTS),
        (V1, "memory/kubepods/pod1/a/memory.oom_control", CONTROL),
        (V1, "memory/memory.oom_control", CONTROL),
        (V1 + "0::/\n", "memory/memory.oom_control", CONTROL),
    ],
)
def test_finds_the_count(tmp_path: Path, membership: str, file: str, content: str) -> None:
    (tmp_path / "membership").write_text(membership)
    counter = tmp_path / "mount" / file
    counter.parent.mkdir(parents=True)
    counter.write_text(content)
    assert oom_kills(tmp_path / "membership", tmp_path / "mount") == 2


@pytest.mark.parametrize("content", ["", "oom_kill\n", "oom_kill many\n", "oom_group_kill 4\n", None])
def test_says_none_where_the_kernel_says_nothing(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "membership").write_text("0::/\n")
    if content is not None:
        (tmp_path / "memory.events").write_text(content)
    assert oom_kills(tmp_path / "membership", tmp_path) == 0
    assert oom_kills(tmp_path / "nothing", tmp_path) == 0
