"""A log handler that never blocks the program (rule R10).

A container's standard output is a pipe. A node with a slow or full disk stops reading it, and a program that writes to it
blocks in the middle of a job. Here a thread writes, from a bounded queue. Lines that do not fit are dropped and counted; a
line reports the count once the pipe is read again.
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
"""Size of the queue, in bytes. Further lines are dropped."""
FLUSH_SECONDS: Final = 1.0
"""How long ``flush`` waits for the queue to empty, for example at exit."""


class DetachedHandler(logging.Handler):
    """Writes records as lines to a file descriptor, from its own thread.

    Args:
        descriptor: a pipe, a file or a terminal. The handler does not close it.
        queue_bytes: size of the queue.
    """

    def __init__(self, descriptor: int, queue_bytes: int = QUEUE_BYTES) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._max_bytes = queue_bytes
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writing = False
        self._dropped = 0
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """Number of dropped lines not reported yet."""
        with self._changed:
            return self._dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's line, or drop it. Returns at once and never raises."""
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
        except Exception:  # noqa: BLE001 - a record that cannot be formatted must not stop the program
            line = None
        with self._changed:
            if line is None or self._waiting_bytes + len(line) > self._max_bytes:
                self._dropped += 1
                return
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until the queue is empty, at most ``FLUSH_SECONDS``."""
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
            if dropped and (lost or not self._write(self._report_of(dropped))):
                lost += dropped
            if lost:
                with self._changed:
                    self._dropped += lost

    def _write(self, line: bytes) -> bool:
        """Write a line. Return False if the descriptor refuses it, as on a full disk."""
        view = memoryview(line)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # another process set O_NONBLOCK on the shared open file
                with contextlib.suppress(OSError):
                    select.select([], [self._descriptor], [])
            except OSError:
                return False
        return True

    def _report_of(self, dropped: int) -> bytes:
        text = f"log lines dropped: {dropped}"
        record = logging.LogRecord("regen.log", logging.WARNING, __file__, 0, text, None, None)
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
