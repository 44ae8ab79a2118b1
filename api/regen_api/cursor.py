"""A place in a list, newest first: the last row's key, opaque to whoever holds it."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime

from regen_api.wire import storable

MAX_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next page begins after this row. ``created_at`` is UTC without a zone."""

    created_at: datetime
    id: str

    def encode(self) -> str:
        """URL-safe text."""
        key = json.dumps([self.created_at.isoformat(), self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(key.encode()).decode("ascii").rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """What ``encode`` made.

        Raises:
            ValueError: it is something else.
        """
        try:
            key = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            created_at, job_id = key
            cursor = cls(datetime.fromisoformat(created_at), storable(job_id))
            if cursor.encode() == text and cursor.created_at.tzinfo is None:
                return cursor
        except (ValueError, TypeError, RecursionError, binascii.Error):
            pass
        msg = "expected the nextCursor of an earlier page"
        raise ValueError(msg)
