"""One container as one process: a session of its own, its output in a file, its end awaited through a pidfd.

The process is started with vfork (no ``preexec_fn``), so a launch costs about a millisecond whatever the size of kubelite's
own process. That nothing outlives a killed kubelite is the business of ``keeper``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SIGNALLED: Final = 128
"""A process ended by signal n has the exit code 128 + n."""


class StartFailed(Exception):
    """The program cannot be started; the message is in containerd's words."""


class Child(Protocol):
    """A process that was started and leads a session of its own; its id is not given to another before ``wait``."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    def wait(self) -> int:
        """Reaps it once it has ended: its exit status, or -n after signal n."""
        ...


class Start(Protocol):
    """A way to start a program."""

    def __call__(self, command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> Child:
        """Starts ``command``, whose first word is a path, in ``folder``; its output is appended to ``log``.

        Raises:
            OSError: it cannot be executed.
        """
        ...


def start_program(command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> Child:
    """The program itself, as ``Start`` says."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class ContainerProcess:
    """A running process and its group; ``pid`` is also the group's id.

    Raises:
        StartFailed: no such program on the ``PATH`` of ``env``, or it cannot be executed.
    """

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path, start: Start = start_program
    ) -> None:
        program = _program(command, env, folder)
        try:
            self._process = start([program, *command[1:]], env, folder, log)
        except OSError as error:
            raise StartFailed(f'exec: "{command[0]}": {(error.strerror or str(error)).lower()}') from error
        self.pid = self._process.pid
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pidfd = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)
        self._kill_timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether its end has not been seen yet."""
        return not self._exit.done()

    async def wait(self) -> int:
        """Its exit code, 128 + n after signal n. May be awaited by many and cancelled at will."""
        return await asyncio.shield(self._exit)

    def terminate(self, grace: float) -> None:
        """SIGTERM to the process alone, as a container's PID 1 gets it; SIGKILL to all after ``grace`` seconds.

        A repeat may shorten the grace.
        """
        if not self.running:
            return
        loop = asyncio.get_running_loop()
        if self._kill_timer is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        elif self._kill_timer.when() <= loop.time() + grace:
            return
        else:
            self._kill_timer.cancel()
        self._kill_timer = loop.call_later(grace, self.kill)

    def kill(self) -> None:
        """SIGKILL to the group and to every descendant, those that left the group too."""
        if not self.running:
            return
        family = list(_descendants(self.pid))
        self._signal_group(signal.SIGKILL)
        for pid in family:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def kill_now(self) -> None:
        """``kill``, and waits for the process itself; blocks for the moment that the kernel needs."""
        if self.running:
            self.kill()
            self._reap()

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _reap(self) -> None:
        """The process has ended. What is left of its group goes with it, as it would with a container's PID namespace.

        The group is killed first: until the process is reaped, its id cannot belong to anybody else.
        """
        self._signal_group(signal.SIGKILL)
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        code = self._process.wait()
        self._exit.set_result(code if code >= 0 else SIGNALLED - code)


def _program(command: Sequence[str], env: Mapping[str, str], folder: Path) -> str:
    if not command:
        raise StartFailed("no command specified")
    path = env.get("PATH", "")
    found = shutil.which(str(folder / command[0]) if command[0].startswith(".") else command[0], path=path)
    if found is not None:
        return found
    where = "no such file or directory" if "/" in command[0] else "executable file not found in $PATH"
    raise StartFailed(f'exec: "{command[0]}": {where}')


def _descendants(pid: int) -> Iterator[int]:
    """Every living descendant, parents first. Those whose parent died are somebody else's by now."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                for child in (task / "children").read_text().split():
                    yield int(child)
                    yield from _descendants(int(child))
