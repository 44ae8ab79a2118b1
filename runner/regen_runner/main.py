"""``regen-runner prepare|execute|publish``: the three programs of a pod, one per container.

Each imports only what it needs, since every job pays for three starts.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_USAGE: Final = """\
usage: regen-runner prepare|execute|publish

The three programs of a runner pod; settings are environment variables with prefix REGEN_.

  prepare   takes the job's fence, fetches its sources, writes the instruction and the go-file
  execute   runs the executor in its sandbox and leaves a result envelope
  publish   checks and stores what the executor left, then reports the job's end

exit status: 0 done; 64 the job belongs to another pod or has ended; 65 prepare failed the job;
             143 ended by SIGTERM; 2 wrong usage or setting; 1 any other trouble
"""
EXIT_USAGE: Final = 2


def main() -> None:
    """Runs the program that the first argument names and exits with its status."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(_USAGE)
        raise SystemExit(0)
    program = _program(arguments[0]) if len(arguments) == 1 else None
    if program is None:
        sys.stderr.write(_USAGE)
        raise SystemExit(EXIT_USAGE)
    status = program()
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: a put that outlived its grace still has a thread, and interpreter shutdown would wait for its locks.
    os._exit(status)


def _program(name: str) -> Callable[[], int] | None:
    if name == "prepare":
        from regen_runner.prepare.main import main as prepare  # noqa: PLC0415

        return prepare
    if name == "execute":
        from regen_runner.execute.main import main as execute  # noqa: PLC0415

        return execute
    if name == "publish":
        from regen_runner.publish.main import main as publish  # noqa: PLC0415

        return publish
    return None
