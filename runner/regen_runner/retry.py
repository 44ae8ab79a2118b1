"""How long to try again, and how SIGTERM ends it: full-jitter backoff until a deadline.

Source of the jitter: "Exponential Backoff And Jitter", AWS Architecture Blog: a delay drawn uniformly from 0 to the
exponential bound spreads clients that failed together best.
"""

from __future__ import annotations

import os
import random
import select
import signal
import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 5.0
_LONGEST_POLL: Final = 24 * 3600.0
"""Seconds; poll(2) counts milliseconds in an int, and a pod may have thirty days."""

Answer = TypeVar("Answer")


class Stop:
    """Whether SIGTERM has come. Waiting on it is safe in any thread.

    A pipe, not ``threading.Event``: a handler that runs inside ``Event.wait`` of its own thread may find the event's lock
    held and never return.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.requested_at: float | None = None

    def install(self) -> None:
        """Makes SIGTERM request the stop; as PID 1 a process without a handler would not notice the signal at all."""
        signal.signal(signal.SIGTERM, self._handle)

    def request(self) -> None:
        """Requests the stop; the first time counts."""
        if self.requested_at is None:
            self.requested_at = time.monotonic()
            os.write(self._write, b".")

    def wait(self, seconds: float, *also: int) -> None:
        """Returns when the stop is requested, when one of the descriptors ``also`` is readable, or after ``seconds``."""
        # Not select.select, which refuses descriptors of 1024 and up: a job may have that many outputs open.
        poll = select.poll()
        for descriptor in (self._read, *also):
            poll.register(descriptor, select.POLLIN)
        end = time.monotonic() + seconds
        while not poll.poll(1000 * min(max(0.0, end - time.monotonic()), _LONGEST_POLL)):
            if time.monotonic() >= end:
                return

    def close(self) -> None:
        """Closes the pipe."""
        os.close(self._read)
        os.close(self._write)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.request()


class Patience:
    """Time to try again: until ``deadline``, and no more than ``grace`` seconds beyond a requested stop.

    Args:
        deadline: of ``time.monotonic()``.
        stop: None where SIGTERM ends the process itself.
        grace: seconds.
    """

    def __init__(self, deadline: float, stop: Stop | None = None, grace: float = 0.0) -> None:
        self._deadline = deadline
        self._stop = stop
        self._grace = grace

    def remaining(self) -> float:
        """Seconds left, not below 0."""
        deadline = self._deadline
        if self._stop is not None and self._stop.requested_at is not None:
            deadline = min(deadline, self._stop.requested_at + self._grace)
        return max(0.0, deadline - time.monotonic())

    def pause(self, attempt: int) -> bool:
        """Waits before the attempt after number ``attempt`` (from 0); False when no time is left for another one."""
        bound = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(attempt, 16))
        delay = min(random.uniform(0, bound), self.remaining())  # noqa: S311 - spreads load, guards nothing
        if self._stop is None or self._stop.requested_at is not None:
            time.sleep(delay)  # a signal still ends it; there is nothing else to wait for
        else:
            self._stop.wait(delay)
        return self.remaining() > 0


def until_answered(
    call: Callable[[], Answer],
    *,
    again: type[Exception],
    patience: Patience,
    on_failure: Callable[[Exception, int], None],
) -> Answer:
    """The answer of ``call``, which is made at least once and again after each error of class ``again``.

    Raises:
        Exception: the last error of class ``again`` when patience ends; any other error at once.
    """
    attempt = 0
    while True:
        try:
            return call()
        except again as error:
            on_failure(error, attempt)
            if not patience.pause(attempt):
                raise
            attempt += 1
