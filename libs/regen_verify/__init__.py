"""The invariants of a regen installation, checked over a frozen snapshot without I/O.

``check`` takes a snapshot and returns every violation. The caller that gathers the snapshot (``regen fsck``, the demo, the
fault tests) decides what to read. Checks skip facts that are ``None``.
"""

from __future__ import annotations

from regen_verify.changes import check_change
from regen_verify.checker import check, check_job
from regen_verify.leaks import check_leaks
from regen_verify.records import (
    ClusterObject,
    FenceRecord,
    Invariant,
    JobObjects,
    JobRecord,
    Limits,
    ObjectRecord,
    Snapshot,
    Violation,
)

__all__ = [
    "ClusterObject",
    "FenceRecord",
    "Invariant",
    "JobObjects",
    "JobRecord",
    "Limits",
    "ObjectRecord",
    "Snapshot",
    "Violation",
    "check",
    "check_change",
    "check_job",
    "check_leaks",
]
