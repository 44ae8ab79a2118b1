"""``make soak N=10000 [SEED=…]``: many small jobs under random faults, and the invariants' table at the end.

The seed chooses which faults come and in what order; when they meet a job is the machine's own business. Two operators run,
and are started again when they die. Nothing in the table may be but 0 where a violation is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from psycopg.types.json import Jsonb

from regen_core.invariants import Invariant
from regen_devcluster.errors import APIError
from regen_devcluster.stack import Stack
from regen_devcluster.stack_config import TEST_IMAGE, StackConfig
from tests.faults.case import Case, end_of
from tests.faults.conftest import BUDGETS, CLASSES
from tests.faults.control import Control
from tests.faults.http_proxy import HttpProxy
from tests.faults.proxy import Proxy
from tests.faults.warm import Forks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OPERATORS: Final = ("operator-1", "operator-2")
AT_ONCE: Final = 16
BACKLOG: Final = 60
QUIET_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 0.5
SETTINGS: Final = {
    "REGEN_CAP_TOTAL": str(AT_ONCE),
    "REGEN_MIRROR_WINDOW": "20",
    "REGEN_CR_KEEP": "20",
    "REGEN_PENDING_DEADLINE_SECONDS": "30",
    "REGEN_RUNNING_STATUS_DELAY_SECONDS": "2",
    "REGEN_WAITING_STATUS_DELAY_SECONDS": "5",
    "REGEN_RESYNC_SECONDS": "5",
}


@dataclass(slots=True)
class Report:
    """What a soak found.

    Attributes:
        seconds: from the first insert to the last job's end.
        ends: how many jobs ended how.
        faults: how often each fault came.
        duplicates: jobs whose executor started more than once.
        lost: jobs that were inserted and did not end.
        violations: what does not hold, a sentence each, that of duplicates included.
    """

    seconds: float
    ends: Counter[str]
    faults: Counter[str]
    duplicates: int
    lost: int
    violations: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The whole of it, in lines."""
        by_invariant = Counter(line.split(": ")[1] for line in self.violations if ": " in line)
        jobs = self.ends.total() + self.lost
        lines = [f"{jobs} jobs in {self.seconds:.0f} s, {jobs / self.seconds:.2f} jobs/s", "", "how they ended"]
        lines += [f"  {end:<24}{count:>7}" for end, count in sorted(self.ends.items())]
        lines += ["faults"] + [f"  {name:<24}{count:>7}" for name, count in sorted(self.faults.items())]
        lines += ["invariants, violations of each"]
        lines += [f"  {one.value:<24}{by_invariant[one.value]:>7}" for one in Invariant]
        lines += [f"duplicates {self.duplicates}, lost {self.lost}, violations {len(self.violations)}", *self.violations[:50]]
        return "\n".join(lines)


class Soak:
    """One run; ``say`` gets a line of progress now and then."""

    def __init__(self, case: Case, proxies: Proxies, count: int, seed: int, say: Callable[[str], None]) -> None:
        self._case = case
        self._proxies = proxies
        self._count = count
        self._random = random.Random(seed)  # noqa: S311 - a repeatable choice of faults
        self._say = say
        self._faults: Counter[str] = Counter()
        self._keepers: list[asyncio.Task[None]] = []

    async def run(self) -> Report:
        """Runs all the jobs, then looks at everything."""
        began = time.monotonic()
        for name in OPERATORS:
            await self._start(name)
            self._keepers.append(asyncio.create_task(self._keep(name)))
        faults = asyncio.create_task(self._make_faults())
        try:
            await self._insert_all(faults)
        finally:
            faults.cancel()
            with suppress(asyncio.CancelledError):
                await faults
            self._proxies.heal()
        await self._case.until("every job has ended", self._ended, QUIET_SECONDS)
        seconds = time.monotonic() - began
        await self._case.quiet(QUIET_SECONDS)
        before = await asyncio.to_thread(self._case.look)
        await self._stop_operators()
        violations = await asyncio.to_thread(self._case.violations, before)
        starts = self._case.control.starts
        ends = Counter(end_of(job) for job in before.jobs)
        duplicates = sum(count > 1 for count in starts.values())
        return Report(seconds, ends, self._faults, duplicates, self._count - len(before.jobs), violations)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    async def _insert_all(self, faults: asyncio.Task[None]) -> None:
        inserted, said = 0, time.monotonic()
        while inserted < self._count or self._open_jobs() > 0:
            if faults.done():
                faults.result()
            batch = min(BACKLOG - self._open_jobs(), self._count - inserted)
            if batch > 0:
                self._insert(inserted, batch)
                inserted += batch
            if time.monotonic() - said > 10:
                said = time.monotonic()
                self._say(f"{inserted - self._open_jobs()} of {self._count} jobs ended, {self._faults.total()} faults")
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

    async def _ended(self) -> bool:
        return self._open_jobs() == 0

    # -- operators ----------------------------------------------------------------------------------------------------

    async def _start(self, name: str) -> None:
        await self._case.stack.start_operator(name, **self._case.settings)

    async def _keep(self, name: str) -> None:
        while True:
            await self._case.stack.operators[name].wait()
            await self._start(name)

    async def _stop_operators(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for name in OPERATORS:
            process = self._case.stack.operators[name]
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(30):
                await process.wait()

    # -- faults -------------------------------------------------------------------------------------------------------

    async def _make_faults(self) -> None:
        kinds: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "operator killed": (4, self._kill_operator),
            "operator stopped a while": (2, self._stop_a_while),
            "container killed": (6, self._kill_container),
            "pod deleted": (2, self._delete_pod),
            "Job deleted": (1, self._delete_job),
            "connections reset": (4, self._reset),
            "network silent": (3, self._silence),
            "answer lost": (6, self._lose_answer),
            "API refuses": (4, self._refuse),
            "store refuses": (4, self._refuse_puts),
            "backend terminated": (4, self._terminate),
            "database restarted": (1, self._restart),
        }
        names, weights = list(kinds), [weight for weight, _ in kinds.values()]
        while True:
            await asyncio.sleep(self._random.uniform(0.5, 3.0))
            [name] = self._random.choices(names, weights)
            self._faults[name] += 1
            await kinds[name][1]()

    async def _kill_operator(self) -> None:
        process = self._case.stack.operators[self._random.choice(OPERATORS)]
        if process.returncode is None:
            process.kill()

    async def _stop_a_while(self) -> None:
        process = self._case.stack.operators[self._random.choice(OPERATORS)]
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(self._random.uniform(1, 6))
            finally:  # where the faults end meanwhile too: a stopped operator would not hear that it shall end
                process.send_signal(signal.SIGCONT)

    async def _kill_container(self) -> None:
        groups = [pid for pids in self._case.stack.node.kubelet.process_ids.values() for pid in pids]
        if groups:
            with suppress(ProcessLookupError):
                os.killpg(self._random.choice(groups), signal.SIGKILL)

    async def _delete_pod(self) -> None:
        self._delete("pods", grace=self._random.choice([None, 0]))

    async def _delete_job(self) -> None:
        self._delete("jobs.batch", propagation=self._random.choice(["Foreground", "Background"]))

    def _delete(self, resource: str, **how: Any) -> None:
        found = self._case.cluster.list(resource, self._case.runs)
        if found:
            with suppress(APIError):
                self._case.cluster.delete(resource, self._case.runs, self._random.choice(found)["metadata"]["name"], **how)

    async def _reset(self) -> None:
        self._random.choice(self._proxies.tcp).reset()

    async def _silence(self) -> None:
        proxy = self._random.choice(self._proxies.tcp)
        proxy.freeze()
        await asyncio.sleep(self._random.uniform(0.5, 4))
        proxy.thaw()

    async def _lose_answer(self) -> None:
        functions = {self._proxies.operator: ("regen_claim_v1", "regen_fail_v1"), self._proxies.runner: RUNNER_FUNCTIONS}
        proxy = self._random.choice(self._proxies.tcp)
        proxy.lose_answer(self._random.choice(functions[proxy]).encode())

    async def _refuse(self) -> None:
        method = self._random.choice(["GET", "POST", "PATCH", "DELETE", "PUT"])
        if self._random.random() < 0.5:
            self._proxies.api.add(method, "/namespaces/", lose=True)
        else:
            status = self._random.choice([429, 500, 503, 401])
            self._proxies.api.add(method, "/namespaces/", times=self._random.randint(1, 5), status=status)

    async def _refuse_puts(self) -> None:
        if self._random.random() < 0.5:
            self._proxies.store.add("PUT", "", lose=True)
        else:
            self._proxies.store.add("PUT", "", times=self._random.randint(1, 6), status=503)

    async def _terminate(self) -> None:
        with self._case.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() ORDER BY md5(pid::text || %s::text) LIMIT 1) one",
                (self._random.random(),),
            )

    async def _restart(self) -> None:
        self._case.stack.postgres.restart()


RUNNER_FUNCTIONS: Final = ("regen_start_v1", "regen_complete_v1", "regen_fail_run_v1")


@dataclass(slots=True)
class Proxies:
    """The ways of the operators and of the pods to the database, of the operators to the API, of the pods to the store."""

    operator: Proxy
    runner: Proxy
    api: HttpProxy
    store: HttpProxy

    @property
    def tcp(self) -> list[Proxy]:
        return [self.operator, self.runner]

    def heal(self) -> None:
        """No fault is left."""
        for proxy in self.tcp:
            proxy.thaw()
            proxy.back()
        for http in (self.api, self.store):
            http.rules.clear()


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
        Proxy(_port(case.url())) as operator,
        Proxy(_port(case.url())) as runner,
        HttpProxy(_port(stack.api.url)) as api,
        HttpProxy(_port(store)) as objects,
    ):
        case.runner_through(database=runner.port, store=objects.port)
        case.settings |= case.operator_through(api.port)
        case.settings["REGEN_DATABASE_URL"] = case.through(operator.port, "operator")
        return await Soak(case, Proxies(operator, runner, api, objects), count, seed, say).run()


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
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(_main(asked.count, seed)))
    sys.exit(130)


if __name__ == "__main__":
    main()
