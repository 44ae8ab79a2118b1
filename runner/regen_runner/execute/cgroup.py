"""What the kernel counts of this process's control group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBERSHIP: Final = Path("/proc/self/cgroup")
MOUNT: Final = Path("/sys/fs/cgroup")


def oom_kills(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> int:
    """How many processes of the group were killed for want of memory; 0 where the kernel does not say.

    cgroup v2 counts in ``memory.events``, v1 in ``memory.oom_control`` (kernel documentation, admin-guide/cgroup-v2 and
    cgroup-v1/memory).

    Args:
        membership: a file as ``/proc/<pid>/cgroup``.
        mount: where the control groups are mounted.
    """
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    for path in _counters(lines, mount):
        try:
            fields = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        except OSError:
            continue
        for name, *values in filter(None, fields):
            if name == "oom_kill" and len(values) == 1 and values[0].isdecimal():
                return int(values[0])
    return 0


def _counters(lines: list[str], mount: Path) -> Iterator[Path]:
    """The files that may hold the count, the likeliest first."""
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            yield mount / group.lstrip("/") / "memory.events"
        elif "memory" in controllers.split(","):
            # A runtime mounts a container's own group at the root, and v1 still names it as the host does.
            yield mount / "memory" / group.lstrip("/") / "memory.oom_control"
            yield mount / "memory" / "memory.oom_control"
