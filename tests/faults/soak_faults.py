"""The faults of a soak: a seed chooses which come, and in what order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kubelite.errors import APIError

if TYPE_CHECKING:
    from tests.faults.case import Case
    from tests.faults.http_proxy import HttpProxy
    from tests.faults.proxy import Proxy

OPERATORS: Final = ("operator-1", "operator-2")
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


_Kinds = Mapping[str, tuple[int, Callable[[], Awaitable[None]]]]


class Faults:
    """Makes them; ``made`` counts them.

    Two streams of chance, so that the one does not depend on how fast the other is, and a third for whom a fault meets, which
    depends on who is there: it would change what comes next.
    """

    def __init__(self, case: Case, proxies: Proxies, seed: int) -> None:
        self._case = case
        self.proxies = proxies
        self._random = random.Random(seed)  # noqa: S311 - a repeatable choice of faults
        self._of_jobs_random = random.Random(f"{seed} jobs")  # noqa: S311 - as above
        self._targets = random.Random(f"{seed} targets")  # noqa: S311 - as above
        self.made: Counter[str] = Counter()
        self._of_processes: _Kinds = {
            "operator killed": (4, self._kill_operator),
            "operator stopped a while": (2, self._stop_a_while),
            "connections reset": (4, self._reset),
            "network silent": (3, self._silence),
            "backend terminated": (4, self._terminate),
            "database restarted": (1, self._restart),
        }
        self._of_jobs: _Kinds = {
            "container killed": (6, self._kill_container),
            "pod deleted": (2, self._delete_pod),
            "Job deleted": (1, self._delete_job),
            "answer lost": (6, self._lose_answer),
            "API refuses": (4, self._refuse),
            "store refuses": (4, self._refuse_puts),
        }

    def heal(self) -> None:
        """No fault is left."""
        self.proxies.heal()

    async def make(self) -> None:
        """Makes faults until it is cancelled: those of whole processes at their pace, those of one job or call at theirs."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._make(self._of_processes, (0.5, 3.0), self._random))
            group.create_task(self._make(self._of_jobs, (0.1, 0.7), self._of_jobs_random))

    async def _make(self, kinds: _Kinds, pause: tuple[float, float], chance: random.Random) -> None:
        names, weights = list(kinds), [weight for weight, _ in kinds.values()]
        while True:
            await asyncio.sleep(chance.uniform(*pause))
            [name] = chance.choices(names, weights)
            self.made[name] += 1
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
                os.killpg(self._targets.choice(groups), signal.SIGKILL)

    async def _delete_pod(self) -> None:
        self._delete("pods", grace=self._of_jobs_random.choice([None, 0]))

    async def _delete_job(self) -> None:
        self._delete("jobs.batch", propagation=self._of_jobs_random.choice(["Foreground", "Background"]))

    def _delete(self, resource: str, **how: Any) -> None:
        found = self._case.cluster.list(resource, self._case.runs)
        if found:
            with suppress(APIError):
                self._case.cluster.delete(resource, self._case.runs, self._targets.choice(found)["metadata"]["name"], **how)

    async def _reset(self) -> None:
        self._random.choice(self.proxies.tcp).reset()

    async def _silence(self) -> None:
        proxy = self._random.choice(self.proxies.tcp)
        proxy.freeze()
        await asyncio.sleep(self._random.uniform(0.5, 4))
        proxy.thaw()

    async def _lose_answer(self) -> None:
        functions = {self.proxies.operator: ("regen_claim_v1", "regen_fail_v1"), self.proxies.runner: RUNNER_FUNCTIONS}
        proxy = self._of_jobs_random.choice(self.proxies.tcp)
        proxy.lose_answer(self._of_jobs_random.choice(functions[proxy]).encode())

    async def _refuse(self) -> None:
        method = self._of_jobs_random.choice(["GET", "POST", "PATCH", "DELETE", "PUT"])
        if self._of_jobs_random.random() < 0.5:
            self.proxies.api.add(method, "/namespaces/", lose=True)
        else:
            status = self._of_jobs_random.choice([429, 500, 503, 401])
            self.proxies.api.add(method, "/namespaces/", times=self._of_jobs_random.randint(1, 5), status=status)

    async def _refuse_puts(self) -> None:
        if self._of_jobs_random.random() < 0.5:
            self.proxies.store.add("PUT", "", lose=True)
        else:
            self.proxies.store.add("PUT", "", times=self._of_jobs_random.randint(1, 6), status=503)

    async def _terminate(self) -> None:
        with self._case.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() ORDER BY md5(pid::text || %s::text) LIMIT 1) one",
                (self._random.random(),),
            )

    async def _restart(self) -> None:
        self._case.stack.postgres.restart()
