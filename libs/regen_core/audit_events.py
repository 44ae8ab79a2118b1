"""The names of the audit events (rule R10)."""

from __future__ import annotations

from typing import Final

LOCKED: Final = "REGEN_JOB_LOCKED"
STARTED: Final = "REGEN_JOB_STARTED"
COMPLETED: Final = "REGEN_JOB_COMPLETED"
FAILED: Final = "REGEN_JOB_FAILED"
ADOPTED: Final = "REGEN_JOB_ADOPTED"
"""The row's history began before regen was installed; the event's status is the one it was found in."""

LIFECYCLE: Final = (LOCKED, STARTED, COMPLETED, FAILED)
"""In the order in which a job meets them."""
