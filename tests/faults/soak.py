"""``make soak N=10000 [SEED=…]``: many small jobs under random faults, and the invariants' table at the end.

The seed chooses which faults come and in what order; when they meet a job is the machine's own business. Two operators run,
and are started again when they die. Nothing in the table may be but 0 where a violation is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from psycopg.types.json import Jsonb

from regen_stack.config import TEST_IMAGE, StackConfig
from regen_stack.stack import Stack
from tests.faults.case import Case, end_of
from tests.faults.conftest import BUDGETS, CLASSES
from tests.faults.control import Control
from tests.faults.http_proxy import HttpProxy
from tests.faults.proxy import Proxy
from tests.faults.soak_faults import OPERATORS, Faults, Proxies
from tests.faults.soak_report import Report, interrupted, progress
from tests.faults.warm import Forks

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE: Final = 16
BACKLOG: Final = 100
QUIET_SECONDS: Final = 300.0
FAULTY_SECONDS: Final = 600.0
"""How long the last jobs may take to end while faults go on; then these end, and the jobs get QUIET_SECONDS more."""
RETRY_SECONDS: Final = 0.5
SAY_SECONDS: Final = 10.0
STOP_SECONDS: Final = 60.0
WRONG_SETTINGS: Final = 2
SETTINGS: Final = {
    "REGEN_CAP_TOTAL": str(AT_ONCE),
    "REGEN_MIRROR_WINDOW": "20",
    "REGEN_CR_KEEP": "20",
    "REGEN_PENDING_DEADLINE_SECONDS": "30",
    "REGEN_RUNNING_STATUS_DELAY_SECONDS": "2",
    "REGEN_WAITING_STATUS_DELAY_SECONDS": "5",
    "REGEN_RESYNC_SECONDS": "5",
    "REGEN_POLL_SECONDS": "1",
    "REGEN_SWEEP_SECONDS": "2",
    "REGEN_MIRROR_DELAY_SECONDS": "0.25",
}


class Soak:
    """One run; ``say`` gets a line of progress now and then."""

    def __init__(self, case: Case, faults: Faults, count: int, seed: int, say: Callable[[str], None]) -> None:
        self._case = case
        self._faults = faults
        self._count = count
        self._seed = seed
        self._say = say
        self._began = time.monotonic()
        self._keepers: list[asyncio.Task[None]] = []

    async def run(self) -> Report:
        """Runs all the jobs, then looks at everything. A run that is cancelled says what it had."""
        try:
            return await self._run()
        except asyncio.CancelledError:
            seconds, duplicates = time.monotonic() - self._began, self._duplicates()
            self._say(interrupted(self._seed, seconds, self._ends(), self._faults.made, duplicates))
            raise
        finally:
            await self._stop_operators()

    async def _run(self) -> Report:
        self._began = time.monotonic()
        for name in OPERATORS:
            await self._start(name)
            self._keepers.append(asyncio.create_task(self._keep(name)))
        faults = asyncio.create_task(self._faults.make())
        try:
            await self._insert_all(faults)
        finally:
            faults.cancel()
            with suppress(asyncio.CancelledError):
                await faults
            self._faults.heal()
        left = await self._left_when_healed()
        seconds = time.monotonic() - self._began
        if left:
            self._say(f"{left} jobs have not ended after {seconds:.0f} s; looking at everything twice")
        else:
            self._say(f"every job has ended after {seconds:.0f} s; looking at everything twice")
            await self._case.quiet(QUIET_SECONDS)
        before = await asyncio.to_thread(self._case.look)
        await self._stop_operators()
        violations = await asyncio.to_thread(self._case.violations, before)
        ends = Counter(end_of(job) for job in before.jobs if job.status.is_terminal)
        lost = self._count - sum(job.status.is_terminal for job in before.jobs)
        return Report(seconds, ends, self._faults.made, self._duplicates(), lost, violations)

    async def _left_when_healed(self) -> int:
        """How many jobs do not end, though no fault comes any more and they are given time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                while self._open_jobs():  # noqa: ASYNC110 - what is waited for is in other processes
                    await asyncio.sleep(RETRY_SECONDS)
        return self._open_jobs()

    def _duplicates(self) -> int:
        return sum(count > 1 for count in self._case.control.starts.values())

    # -- jobs ---------------------------------------------------------------------------------------------------------

    async def _insert_all(self, faults: asyncio.Task[None]) -> None:
        """Until all are inserted and have ended; the last of them have so long under faults."""
        inserted, said, had = 0, self._began, 0
        last = self._began
        while (left := self._open_jobs()) > 0 or inserted < self._count:
            if inserted == self._count and time.monotonic() - last > FAULTY_SECONDS:
                return
            for task in (faults, *self._keepers):
                if task.done():
                    task.result()
            batch = min(BACKLOG - left, self._count - inserted)
            if batch > 0:
                self._insert(inserted, batch)
                inserted += batch
                last = time.monotonic()
            now = time.monotonic()
            if now - said > SAY_SECONDS:
                ended = inserted - left - max(batch, 0)
                self._say(
                    progress(ended, self._count, now - self._began, self._faults.made.total(), (ended - had) / (now - said))
                )
                said, had = now, ended
            await asyncio.sleep(RETRY_SECONDS)

    def _insert(self, first: int, count: int) -> None:
        ids = [f"soak-{number:06}" for number in range(first, first + count)]
        rows = [(job_id, Jsonb({"type": "probe_count", "version": 1, "inputs": {"job": job_id}})) for job_id in ids]
        with self._case.connect("api") as connection, connection.cursor() as cursor:
            cursor.executemany('INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)', rows)

    def _open_jobs(self) -> int:
        with self._case.connect() as connection:
            row = connection.execute(
                "SELECT count(*) FROM \"RegenerationJob\" WHERE status IN ('PENDING', 'RUNNING')"
            ).fetchone()
        return int(row[0]) if row else 0

    def _ends(self) -> Counter[str]:
        with self._case.connect() as connection:
            rows = connection.execute(
                "SELECT concat_ws(' ', status, \"errorJson\"->>'classification'), count(*)"
                " FROM \"RegenerationJob\" WHERE status IN ('COMPLETED', 'FAILED') GROUP BY 1"
            ).fetchall()
        return Counter({str(end): int(count) for end, count in rows})

    # -- operators ----------------------------------------------------------------------------------------------------

    async def _start(self, name: str) -> None:
        await self._case.stack.start_operator(name, **self._case.settings)

    async def _keep(self, name: str) -> None:
        while True:
            status = await self._case.stack.operators[name].wait()
            if status == WRONG_SETTINGS:
                raise AssertionError(
                    f"{name}: expected an operator that starts, got:\n{self._case.stack.log_file(name).read_text()}"
                )
            await self._start(name)

    async def _stop_operators(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for process in self._case.stack.operators.values():
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def soak(stack: Stack, control: Control, count: int, seed: int, say: Callable[[str], None]) -> Report:
    """Runs ``count`` jobs on ``stack`` under the faults that ``seed`` chooses."""
    control.plan()
    store = stack.store.runner_environment["AWS_ENDPOINT_URL_S3"]
    async with (
        Case(stack, control, settings=SETTINGS) as case,
        Proxy(case.port) as operator,
        Proxy(case.port) as runner,
        HttpProxy(_port(stack.api.url)) as api,
        HttpProxy(_port(store)) as objects,
    ):
        case.runner_through(database=runner.port, store=objects.port)
        case.settings |= case.operator_through(api.port)
        case.settings["REGEN_DATABASE_URL"] = case.through(operator.port, "operator")
        faults = Faults(case, Proxies(operator, runner, api, objects), seed)
        return await Soak(case, faults, count, seed, say).run()


def stack_config(control: Control, forks: Forks) -> StackConfig:
    """A stack whose finished Jobs go after a minute, so that its memory does not grow with the number of jobs."""
    classes = {name: {"image": TEST_IMAGE, **keys} for name, keys in CLASSES.items()}
    runner = {**BUDGETS, "ttlSecondsAfterFinished": 60}
    return StackConfig(programs=control.programs, start=forks, runner=runner, classes=classes)


async def _main(count: int, seed: int) -> int:
    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    say(f"{count} jobs, seed {seed}: repeat with make soak N={count} SEED={seed}")
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="regen-soak-"))
        control = Control(Path(folder, "control"))
        forks = cleanup.enter_context(Forks(control))
        stack = await cleanup.enter_async_context(Stack(stack_config(control, forks)))
        report = await soak(stack, control, count, seed, say)
    say(report.table())
    return 1 if report.violations or report.lost or report.duplicates else 0


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("count", type=int, help="how many jobs")
    parser.add_argument("--seed", type=int, default=None, help="which faults; by default a new one, which is printed")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**6)
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(asyncio.run(_main(asked.count, seed)))
    sys.exit(130)


if __name__ == "__main__":
    main()
