"""Does the operator go on if no one reads its log (rule R10)?"""

from __future__ import annotations

import subprocess
import sys

from tests.integration.runner.test_log_that_nobody_reads import full_pipe

PROGRAM = """
import asyncio, structlog
from regen_core.logs import configure_logs

async def main():
    for number in range(5000):
        structlog.get_logger("regen").warning("a transition", number=number, text="x" * 2000)
        await asyncio.sleep(0)

configure_logs("info", quiet=[])
asyncio.run(main())
print("went on")
"""


def test_the_event_loop_goes_on() -> None:
    with full_pipe() as descriptor:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=descriptor, check=True, timeout=60
        )
    assert done.stdout == b"went on\n"
