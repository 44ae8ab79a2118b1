"""Logs that delay nobody: whoever logs never waits for whoever reads (rule R10).

A container's standard output is a pipe, and a node whose disk is slow or full stops reading it; a program that writes to it
then waits, in the middle of a job. Here a thread writes, from a queue of bounded size; what does not fit is dropped, counted,
and told in a line of its own once the reader reads again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from collections import deque
from typing import Final

QUEUE_BYTES: Final = 4 << 20
"""What may wait for the reader, in bytes; beyond it lines are dropped."""
FLUSH_SECONDS: Final = 1.0
"""How long ``flush`` waits for the reader; a program that ends waits no longer."""


class DetachedHandler(logging.Handler):
    """Writes records as lines to a file descriptor, from a thread of its own.

    Args:
        descriptor: a pipe, a file or a terminal; it stays open.
        queue_bytes: what may wait.
    """

    def __init__(self, descriptor: int, queue_bytes: int = QUEUE_BYTES) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._most = queue_bytes
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writing = False
        self._dropped = 0
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many lines were dropped that no line has told of yet."""
        with self._changed:
            return self._dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Queues the record's line, or drops it; it returns at once and raises nothing."""
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
        except Exception:  # noqa: BLE001 - a record that cannot be formatted is no reason to stop
            line = None
        with self._changed:
            if line is None or self._waiting_bytes + len(line) > self._most:
                self._dropped += 1
                return
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Waits until everything is written, for ``FLUSH_SECONDS`` at the most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing, FLUSH_SECONDS)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                line = self._waiting.popleft()
                self._waiting_bytes -= len(line)
                dropped, self._dropped = self._dropped, 0
                self._writing = True
            lost = 0 if self._write(line) else 1
            if dropped and (lost or not self._write(self._told(dropped))):
                lost += dropped
            if lost:
                with self._changed:
                    self._dropped += lost

    def _write(self, line: bytes) -> bool:
        """Whether the whole line was written; False where the descriptor refuses it, as a full disk does."""
        view = memoryview(line)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # somebody set O_NONBLOCK on the open file that we share
                with contextlib.suppress(OSError):
                    select.select([], [self._descriptor], [])
            except OSError:
                return False
        return True

    def _told(self, dropped: int) -> bytes:
        text = f"log lines dropped: {dropped}"
        record = logging.LogRecord("regen.log", logging.WARNING, __file__, 0, text, None, None)
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
