"""``python -I -S tools/bench/regen_bench/meter.py ANSWER PROGRAM [ARGUMENT…]``: runs a program and
writes what it used to the file ANSWER.

A process of its own, and a small one, on purpose: the kernel lets a process inherit the peak memory of whoever forked it
(``getrusage(2)``; ``exec`` keeps ``ru_maxrss``), so that a large parent would measure itself. SIGTERM kills the program at
once: its CPU time up to then is what was asked for.
"""

from __future__ import annotations

import json
import os
import signal
import sys


def main(answer: str, command: list[str]) -> None:
    """Writes status, CPU seconds (user and system, children included) and peak resident bytes of the largest process."""
    child = os.posix_spawn(command[0], command, os.environ)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    _, status, usage = os.wait4(child, 0)
    with open(answer, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib alone would double this process
        json.dump(
            {
                "status": os.waitstatus_to_exitcode(status),
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "peak_bytes": usage.ru_maxrss * 1024,
            },
            file,
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
