"""Ids of new jobs: sortable by time, and DNS labels, so that a job's Kubernetes name shows its id."""

from __future__ import annotations

import secrets
import time

_RANDOM_BITS = 74


def new_job_id() -> str:
    """Return a UUID version 7 (RFC 9562, section 5.7) as 32 lower-case hex digits without dashes.

    The first 12 are milliseconds of the epoch; 74 bits are random.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(_RANDOM_BITS)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return f"{value:032x}"
