"""The names of the audit events (rule R10)."""

from __future__ import annotations

from typing import Final

LOCKED: Final = "REGEN_JOB_LOCKED"
STARTED: Final = "REGEN_JOB_STARTED"
COMPLETED: Final = "REGEN_JOB_COMPLETED"
FAILED: Final = "REGEN_JOB_FAILED"
ADOPTED: Final = "REGEN_JOB_ADOPTED"
"""The row is older than the installation of regen. The event's status is the one that the row had."""

LIFECYCLE: Final = (LOCKED, STARTED, COMPLETED, FAILED)
"""In the order of a job's life."""
