"""The port: an object's bytes, read once from the start. ``file`` and ``s3`` are its two implementations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Body(Protocol):
    """A stream that blocks."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        ...

    def close(self) -> None:
        """Lets the connection or the file go."""
        ...


@dataclass(frozen=True, slots=True)
class OpenObject:
    """``size_bytes`` is what the store says of it."""

    body: Body
    size_bytes: int


class Objects(Protocol):
    """Where outputs lie."""

    def open(self, ref: str) -> OpenObject:
        """The object at ``ref``, a URL that ``"RegenerationOutput"`` holds. It blocks, for a bounded time.

        Raises:
            ObjectMissing: there is none, or ``ref`` does not lie beneath our store's URL.
            StoreUnavailable: the same call may be tried again.
        """
        ...
