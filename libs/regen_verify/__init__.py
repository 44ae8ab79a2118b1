"""What must hold of a regen installation at any moment, checked over frozen facts without any I/O.

``check`` takes a snapshot and answers every violation in words. Who gathers the facts (``regen fsck``, the demo, the fault
tests) decides how much it looked at: what was not looked at is ``None`` and is not judged.
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
