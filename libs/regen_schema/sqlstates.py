"""The SQLSTATEs that our triggers and functions raise (class RG, which PostgreSQL leaves to applications)."""

from __future__ import annotations

from typing import Final

ILLEGAL_TRANSITION: Final = "RG001"
"""A status that may not follow, or a column that changed without its status (rules R1, R5)."""
UNCLEAN_INSERT: Final = "RG002"
"""An insert that is not a clean PENDING, or a value that no part could carry."""
IMMUTABLE_COLUMN: Final = "RG003"
"""The instruction, or another column of the request, was to change (rule R6)."""
ROWS_ARE_KEPT: Final = "RG004"
"""DELETE or TRUNCATE anywhere, UPDATE of an insert-only row (rule R4)."""
INVALID_ARGUMENT: Final = "RG005"
"""A function was called with a malformed argument; the same call will fail again."""
WRONG_ISOLATION: Final = "RG006"
"""A function was called in a transaction of a level other than read committed, whose snapshot may be stale."""
