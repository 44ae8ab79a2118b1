"""PID 1 of the execute container: one child, its log, its report, its time, and nothing left of it afterwards.

The supervisor has one thread, trusts nothing that the child says, and waits in one poll(2): for the child's output, for
signals (by a wake-up pipe) and for the deadline.
"""

from __future__ import annotations

import math
import os
import resource
import select
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from regen_runner.execute.cgroup import oom_kills
from regen_runner.execute.kept_log import KeptLog
from regen_runner.execute.sandbox.syscalls import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_REPORT_BYTES: Final = 1 << 20
MAX_LOG_BYTES: Final = 4 << 20
_CHUNK: Final = 64 * 1024
_LOG_CHUNK: Final = select.PIPE_BUF
_DRAIN_SECONDS: Final = 2.0
_REAP_SECONDS: Final = 5.0
_WATCHED: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Outcome:
    """What was seen of the child, before anything is made of it.

    Attributes:
        status: the child's wait status (wait(2)), None if it could not be reaped.
        said: the bytes of the report pipe, ``MAX_REPORT_BYTES`` at the most.
        said_too_much: the child wrote more than that.
        timed_out: the time limit passed while the child ran.
        interrupted_by: the signal that told the supervisor to stop, or 0.
        oom_kills: how many processes the cgroup lost for want of memory meanwhile; 0 where it cannot be read.
        usage: cpuSeconds, maxRssBytes and wallSeconds of the child and all its descendants.
        log: both ends of what the child and its descendants wrote.
    """

    status: int | None = None
    said: bytes = b""
    said_too_much: bool = False
    timed_out: bool = False
    interrupted_by: int = 0
    oom_kills: int = 0
    usage: dict[str, float] = field(default_factory=dict)
    log: KeptLog = field(default_factory=KeptLog)


def supervise(child: Callable[[int], None], time_limit_seconds: float) -> Outcome:
    """Runs ``child(report_fd)`` in a process of its own until it ends, the limit passes or a signal says stop.

    The child's standard output and error come out of this process's standard output, ``MAX_LOG_BYTES`` at the most, and both
    ends of them are in the outcome.
    When this returns, no descendant is left.

    Raises:
        OSError: the process could not be made.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)
    sys.stdout.flush()
    sys.stderr.flush()
    oom_kills_before, started = oom_kills(), time.monotonic()
    with _wakeups() as wakeup:
        report, report_end = os.pipe()
        log, log_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become_child(child, report_end, log_end)
        os.close(report_end)
        os.close(log_end)
        run = _Run(pid, wakeup, report, log, started + time_limit_seconds)
        try:
            run.watch()
        finally:
            run.clear()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    run.outcome.usage = {
        "cpuSeconds": round(usage.ru_utime + usage.ru_stime, 3),
        "maxRssBytes": usage.ru_maxrss * 1024,
        "wallSeconds": round(time.monotonic() - started, 3),
    }
    run.outcome.oom_kills = max(0, oom_kills() - oom_kills_before)
    return run.outcome


def _become_child(child: Callable[[int], None], report: int, log: int) -> None:
    """The first moments after the fork; never returns, so that no line of the supervisor runs twice."""
    try:
        parent = os.getppid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return  # The supervisor died before the line above.
        signal.set_wakeup_fd(-1)
        for number in _WATCHED:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, report)
        os.closerange(report + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        child(report)
    finally:
        # What the executor left to atexit, to finalizers or to buffers is not ours to run.
        os._exit(0 if sys.exc_info()[0] is None else 70)


class _Run:
    """One child under watch."""

    def __init__(self, pid: int, wakeup: int, report: int, log: int, deadline: float) -> None:
        self.pid = pid
        self.wakeup = wakeup
        self.report: int | None = report
        self.deadline = deadline
        self.outcome = Outcome()
        self.log = _Log(log, self.outcome.log)

    def watch(self) -> None:
        """Returns when the child is reaped, or why it must not run on is noted in the outcome."""
        while self.outcome.status is None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                self.outcome.timed_out = True
                return
            for fd in self._ready(left):
                if fd == self.wakeup:
                    self._signalled()
                elif fd == self.report:
                    self._listen()
                else:
                    self.log.handle(fd)
            if self.outcome.said_too_much or self.outcome.interrupted_by:
                return

    def clear(self) -> None:
        """Kills and reaps whatever is left, and takes what its pipes still hold."""
        self._reap()
        end = time.monotonic() + _REAP_SECONDS
        while _kill_descendants() and time.monotonic() < end:
            # A kill is seen at once, but its parent may have to die first: look again whenever someone was reaped.
            self._ready(end - time.monotonic(), only=self.wakeup)
            self._take_signals()
            self._reap()
        end = time.monotonic() + _DRAIN_SECONDS
        while self.report is not None and not self.outcome.said_too_much and time.monotonic() < end:
            if not self._ready(0, only=self.report):
                break
            self._listen()
        self.log.finish(end)
        if self.report is not None:
            os.close(self.report)

    def _ready(self, seconds: float, only: int | None = None) -> list[int]:
        poll = select.poll()
        if only is None:
            poll.register(self.wakeup, select.POLLIN)
            if self.report is not None:
                poll.register(self.report, select.POLLIN)
            self.log.register(poll)
        else:
            poll.register(only, select.POLLIN)
        return [fd for fd, _ in poll.poll(math.ceil(max(0.0, seconds) * 1000))]

    def _signalled(self) -> None:
        for number in self._take_signals():
            if number != signal.SIGCHLD:
                self.outcome.interrupted_by = number
        self._reap()

    def _take_signals(self) -> bytes:
        with suppress(BlockingIOError):
            return os.read(self.wakeup, 512)
        return b""

    def _reap(self) -> None:
        """Reaps the child and the orphans that came to us as their subreaper."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.pid:
                    self.outcome.status = status

    def _listen(self) -> None:
        if self.report is None:
            return
        data = os.read(self.report, _CHUNK)
        if not data:
            os.close(self.report)
            self.report = None
            return
        self.outcome.said += data
        if len(self.outcome.said) > MAX_REPORT_BYTES:
            self.outcome.said = self.outcome.said[:MAX_REPORT_BYTES]
            self.outcome.said_too_much = True


class _Log:
    """Carries the child's log to our standard output, and never waits for a reader there.

    While our own output is full the child's pipe is not read, so the child waits in its ``write`` and its time runs on.
    """

    def __init__(self, source: int, kept: KeptLog) -> None:
        self.source: int | None = source
        self.kept = kept
        self.target: int | None = sys.__stdout__.fileno() if sys.__stdout__ is not None else None
        self.pending = b""
        self.written = 0
        self.dropped = 0

    def register(self, poll: select.poll) -> None:
        """Adds what can be gone on with: writing while something is pending, else reading."""
        if self.pending and self.target is not None:
            poll.register(self.target, select.POLLOUT)
        elif self.source is not None:
            poll.register(self.source, select.POLLIN)

    def handle(self, fd: int) -> None:
        """Goes on with ``fd``, which poll called ready."""
        if fd == self.source:
            self._read()
        elif fd == self.target:
            self._write()

    def finish(self, end: float) -> None:
        """Passes on what the pipe still holds, until ``end`` (monotonic seconds) at the latest, and closes it."""
        while (self.source is not None or self.pending) and time.monotonic() < end:
            poll = select.poll()
            self.register(poll)
            wait = math.ceil((end - time.monotonic()) * 1000) if self.pending else 0
            ready = poll.poll(max(0, wait))
            if not ready:
                break
            self.handle(ready[0][0])
        if self.dropped and self.target is not None:
            self.pending = b"\n[regen] the executor's log was cut: %d bytes left out\n" % self.dropped
            poll = select.poll()
            poll.register(self.target, select.POLLOUT)
            if poll.poll(0):
                self._write()
        if self.source is not None:
            os.close(self.source)
            self.source = None

    def _read(self) -> None:
        if self.source is None:
            return
        data = os.read(self.source, _CHUNK)
        if not data:
            os.close(self.source)
            self.source = None
            return
        self.kept.add(data)
        room = MAX_LOG_BYTES - self.written if self.target is not None else 0
        self.pending = data[:room]
        self.written += len(self.pending)
        self.dropped += len(data) - len(self.pending)

    def _write(self) -> None:
        if self.target is None:
            return
        try:
            # A pipe that polls as writable takes this much without blocking.
            sent = os.write(self.target, self.pending[:_LOG_CHUNK])
        except OSError:
            # Nobody reads any more; the job goes on without its log.
            self.target, sent = None, len(self.pending)
        self.pending = self.pending[sent:]


@contextmanager
def _wakeups() -> Iterator[int]:
    """A file descriptor that becomes readable, one byte per signal, for the signals in ``_WATCHED``."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in _WATCHED}
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


def _kill_descendants() -> bool:
    """Sends SIGKILL to every descendant; whether there was one.

    A killed process cannot fork. One that was made while we looked is found the next time, since its parent's death brings
    it to us. PID 1 of its own namespace needs not look: it reaches all of them at once.
    """
    if os.getpid() == 1:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
            return True
        return False
    found = _descendants()
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def _descendants() -> list[int]:
    """Our children, theirs, and so on, zombies too, by the parents in ``/proc/<pid>/stat``."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            # "pid (name) state ppid …", and the name may hold anything.
            parent = int(Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(os.getpid(), []))
    for pid in found:
        found += children.get(pid, [])
    return found
