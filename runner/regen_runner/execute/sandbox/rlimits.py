"""Resource limits of the executor's processes (setrlimit(2)).

Not NPROC: it counts every process of the uid, over all pods of the node.
"""

from __future__ import annotations

import resource
from typing import Any, Final

MAX_OPEN_FILES: Final = 4096


def limit(max_memory_bytes: int, max_file_bytes: int) -> dict[str, Any]:
    """Sets soft and hard limits alike, so that they cannot be raised again; returns them for the report.

    Memory is limited by DATA, what a process could really fill (private writable pages, Linux 4.7), and not by AS: Arrow's
    and Rust's allocators reserve address space by the gigabyte that they never touch.
    """
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: max_file_bytes,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
    }
    if max_memory_bytes:
        wanted[resource.RLIMIT_DATA] = max_memory_bytes
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (lowest, lowest))
    return {"maxMemoryBytes": max_memory_bytes, "maxFileBytes": max_file_bytes}
