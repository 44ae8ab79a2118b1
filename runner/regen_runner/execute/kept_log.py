"""The executor's log as it is kept: the beginning and the end of it, scrubbed where the supervisor hands it to publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_BYTES: Final = 128 * 1024
TAIL_BYTES: Final = 384 * 1024
MAX_KEPT_BYTES: Final = HEAD_BYTES + TAIL_BYTES + 1024
"""Both ends, and the line between them that says how much is left out."""


class KeptLog:
    """Takes a log as it comes and keeps its two ends."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Takes the next bytes."""
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * TAIL_BYTES:
            self._drop(len(self._tail) - TAIL_BYTES)

    def content(self, environ: Mapping[str, str]) -> bytes:
        """What is kept, scrubbed, as UTF-8 of ``MAX_KEPT_BYTES`` at the most; empty where nothing was said.

        Args:
            environ: the executor's, which may hold secrets.
        """
        if not self._head:
            return b""
        from regen_runner.execute.scrubbing import forms, scrub, secrets_of  # noqa: PLC0415 - most runs say nothing, and patterns cost time

        known = forms(secrets_of(environ))
        if len(self._tail) > TAIL_BYTES:
            self._drop(len(self._tail) - TAIL_BYTES)
        if not self._dropped:
            return scrub(bytes(self._head + self._tail), known)
        # Half a secret at a cut would not be known for one.
        edge = max(map(len, known), default=0)
        head, tail = _whole_lines(bytes(self._head), bytes(self._tail), edge)
        left_out = self._dropped + len(self._head) + len(self._tail) - len(head) - len(tail)
        between = f"\n[regen] {left_out} bytes left out here\n".encode()
        return scrub(head, known) + between + scrub(tail, known)

    def _drop(self, count: int) -> None:
        del self._tail[:count]
        self._dropped += count


def _whole_lines(head: bytes, tail: bytes, edge: int) -> tuple[bytes, bytes]:
    """Both without the line that the cut went through, or without ``edge`` bytes of one that has no end."""
    last, first = head.rfind(b"\n"), tail.find(b"\n")
    head = head[: last + 1] if last >= 0 else head[: len(head) - edge]
    return head, tail[first + 1 :] if first >= 0 else tail[edge:]
