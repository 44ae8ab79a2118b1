"""One case: a fresh database, an empty cluster, an operator that is started again whenever it dies, and a look at the end."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import psycopg
from psycopg.types.json import Jsonb

from kubelite.errors import APIError
from regen_core.names import job_name
from regen_demo.objects import Objects
from regen_stack.config import DATABASE_SECRET, STORE_SECRET
from tests.faults import evidence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

    from regen_stack.stack import Stack
    from regen_verify import JobRecord, Limits, Snapshot
    from tests.faults.control import Control

OPERATOR = "operator"
SETTINGS = {
    "REGEN_POLL_SECONDS": "0.2",
    "REGEN_SWEEP_SECONDS": "0.5",
    "REGEN_RESYNC_SECONDS": "1",
    "REGEN_PENDING_DEADLINE_SECONDS": "5",
    "REGEN_GRACE_SECONDS": "1",
    "REGEN_LEASE_SECONDS": "3",
    "REGEN_MIRROR_DELAY_SECONDS": "0.05",
    "REGEN_RUNNING_STATUS_DELAY_SECONDS": "0",
    "REGEN_STARTING_STATUS_DELAY_SECONDS": "0",
    "REGEN_WAITING_STATUS_DELAY_SECONDS": "0",
    "REGEN_CR_TTL_SECONDS": "1",
    "REGEN_DATABASE_TIMEOUT_SECONDS": "5",
    "REGEN_API_TIMEOUT_SECONDS": "5",
}
QUIET_SECONDS = 60.0
TAKEOVER_SECONDS = 10.0
"""From an operator's death to a new one that leads and has swept: its start, the lease, one call that hangs."""
_LEASE = "leases.coordination.k8s.io"
_LOOK_SECONDS = 0.1
_STOPS = 3
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a case ended.

    Attributes:
        jobs: job id → ``COMPLETED`` or ``FAILED <classification>``.
        violations: what does not hold, a sentence each.
        passed: the crash points that were passed.
        killed: those at which a process died.
    """

    jobs: dict[str, str]
    violations: list[str]
    passed: set[str]
    killed: list[str]

    @property
    def ends(self) -> list[str]:
        return list(self.jobs.values())


def end_of(job: JobRecord) -> str:
    """The job's status, with its classification where it is FAILED."""
    return f"{job.status} {job.error['classification']}" if job.error else str(job.status)


class Case:
    """``database`` is a copy of the stack's own, migrated and without rows."""

    def __init__(self, stack: Stack, control: Control, *, settings: Mapping[str, str] | None = None) -> None:
        self.stack = stack
        self.control = control
        self.cluster = stack.api.store
        self.objects = Objects(stack.store.output_url, stack.store.admin_environment)
        self.settings = {**SETTINGS, **(settings or {})}
        self.database = f"faults_{next(_numbers)}"
        self.deaths = 0
        self._said_before = 0
        self.away_seconds = 0.0
        self._last: dict[str, JobRecord] = {}
        self._changes: list[str] = []
        self._identity = ""
        self._keeper: asyncio.Task[None] | None = None

    # -- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        log = self.stack.log_file(OPERATOR)
        self._said_before = log.stat().st_size if log.exists() else 0
        await asyncio.to_thread(self.stack.postgres.create_database, self.database, template="regen")
        with self.connect() as connection:
            # The promise rests on it: a commit that a crash of the server takes back was none.
            connection.execute(f'ALTER DATABASE "{self.database}" SET synchronous_commit = on'.encode())
        self.runner_through()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill_operator()
        self.runner_through()
        await self._clear_cluster()
        await asyncio.to_thread(self.stack.postgres.drop_database, self.database)

    @property
    def runs(self) -> str:
        return self.stack.config.runner_namespace

    @property
    def namespace(self) -> str:
        return self.stack.config.namespace

    def url(self, role: str | None = None) -> str:
        """The case's database, as its superuser or as a login with a role."""
        url = self.stack.superuser_url if role is None else self.stack.database_url(role)
        return url.rpartition("/")[0] + f"/{self.database}"

    @property
    def port(self) -> int:
        """Where the database's server listens on loopback."""
        port = urlsplit(self.url()).port
        assert port is not None
        return port

    def through(self, port: int, role: str) -> str:
        """The case's database for a role, by way of ``port`` of loopback."""
        url = urlsplit(self.url(role))
        return url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{port}").geturl()

    def runner_through(self, *, database: int | None = None, store: int | None = None) -> None:
        """Pods that start from now on reach their database and their store by way of these ports of loopback."""
        url = self.url("runner") if database is None else self.through(database, "runner")
        self.cluster.mutate("secrets", self.runs, DATABASE_SECRET, lambda found: _set_data(found, {"url": url}))
        environment = dict(self.stack.store.runner_environment)
        if store is not None:
            environment["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{store}"
        self.cluster.mutate("secrets", self.runs, STORE_SECRET, lambda found: _set_data(found, environment))

    def operator_through(self, port: int) -> dict[str, str]:
        """The settings of an operator that reaches the Kubernetes API by way of ``port`` of loopback."""
        path = self.stack.folder / f"kubeconfig-{port}"
        path.write_text(self.stack.kubeconfig.read_text().replace(self.stack.api.url, f"http://127.0.0.1:{port}"))
        return {"KUBECONFIG": str(path)}

    @contextmanager
    def connect(self, role: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(
            self.url(role), autocommit=True, connect_timeout=10, options="-c statement_timeout=20s"
        ) as connection:
            yield connection

    # -- the operator -------------------------------------------------------------------------------------------------

    async def start_operator(self, **settings: str) -> None:
        """Starts the operator, and starts it again whenever it dies."""
        self.settings |= settings
        await self._start()
        self._keeper = asyncio.create_task(self._keep(), name="keeper of the operator")

    async def stop_operator(self, *, all_deaths: bool = True, passing: Collection[str] = ()) -> None:
        """Ends the operator as Kubernetes does, again until every planned death was died and each point of ``passing`` passed.

        A lease whose renewal was under way cannot be released: that point is not passed at every end.
        """
        for _ in range(_STOPS):
            await self.until("the operator leads", self._leads)
            await self._end_keeper()
            process = self.stack.operators[OPERATOR]
            process.terminate()
            async with asyncio.timeout(20):
                status = await process.wait()
            died = not all_deaths or self.control.planned <= set(self.control.killed)
            if status == 0 and died and self.control.passed.issuperset(passing):
                return
            self.deaths += 1
            await self.start_operator()
        raise AssertionError(
            f"expected the operator to end with status 0 after every planned death and point, got {status} {_STOPS} times;"
            f" not passed: {sorted(set(passing) - self.control.passed)}"
        )

    async def kill_operator(self) -> None:
        """Kills every operator there is; a stopped one too."""
        await self._end_keeper()
        for process in self.stack.operators.values():
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _start(self) -> None:
        self._identity = f"{OPERATOR}-{next(_numbers)}"
        own = {"REGEN_DATABASE_URL": self.url("operator"), "REGEN_IDENTITY": self._identity}
        await self.stack.start_operator(OPERATOR, **{**own, **self.settings})

    async def _keep(self) -> None:
        while True:
            await self.stack.operators[OPERATOR].wait()
            self.deaths += 1
            await self._start()

    async def _end_keeper(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def _leads(self) -> bool:
        leases = self.cluster.list(_LEASE, self.namespace)
        return any(lease["spec"].get("holderIdentity") == self._identity for lease in leases)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def new_id(self, what: str) -> str:
        return f"{what}-{os.getpid()}-{next(_numbers)}"

    def insert(self, kind: str, inputs: dict[str, Any], *, job_id: str, sources: list[dict[str, str]] | None = None) -> str:
        """A PENDING row, inserted by the API's role; its id."""
        instruction: dict[str, Any] = {"type": kind, "version": 1, "inputs": {"job": job_id, **inputs}}
        if sources:
            instruction["sources"] = sources
        with self.connect("api") as connection:
            connection.execute(
                'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)', (job_id, Jsonb(instruction))
            )
        return job_id

    def jobs(self) -> dict[str, JobRecord]:
        with self.connect() as connection:
            return {job.id: job for job in evidence.records(connection)}

    def look(self) -> Snapshot:
        with self.connect() as connection:
            return evidence.look(connection, self.objects, self.limits)

    @property
    def limits(self) -> Limits:
        """By when a claimed job must have ended: the operator's own reckoning of it, from the settings and not from its code.

        Beside it only what a death of the operator costs, and ``away_seconds``: how long the fault itself keeps from the
        operator what it needs to end a job.
        """
        pending, grace = (float(self.settings[f"REGEN_{name}_SECONDS"]) for name in ("PENDING_DEADLINE", "GRACE"))
        budgets = sum(self.stack.config.runner[f"{name}BudgetSeconds"] for name in ("prepare", "publish"))
        slowest = max(one["timeLimitSeconds"] for one in self.stack.config.classes.values())
        # A launch that is made again late has a pending deadline of its own within that of its Job.
        deadline = pending + (pending + budgets + slowest) + grace
        more = float(self.settings["REGEN_SWEEP_SECONDS"]) + TAKEOVER_SECONDS + self.away_seconds
        return evidence.limits(deadline + more)

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def ended(self) -> None:
        """Until every row is terminal."""

        async def met() -> bool:
            with self.connect() as connection:
                row = connection.execute(
                    "SELECT count(*) FROM \"RegenerationJob\" WHERE status NOT IN ('COMPLETED', 'FAILED')"
                ).fetchone()
            return row == (0,)

        await self.until("every row is terminal", met)

    async def quiet(self, seconds: float = QUIET_SECONDS) -> None:
        """Until nothing runs, nothing is left to mirror and nothing is left to repair; looks at what changes meanwhile."""

        async def met() -> bool:
            jobs = await asyncio.to_thread(self.jobs)
            self._changes += evidence.changes(self._last, jobs)
            self._last = jobs
            return bool(
                jobs
                and all(job.status.is_terminal for job in jobs.values())
                and not any(_runs(job) for job in self.cluster.list("jobs.batch", self.runs))
                and not any(_is_alive(pod) for pod in self.cluster.list("pods", self.runs))
                and all(self._shown(one, jobs) for one in self.cluster.list(evidence.KINDS["RegenerationJob"]))
                and await asyncio.to_thread(self._audited)
            )

        await self.until("all is quiet", met, seconds)

    def _shown(self, one: dict[str, Any], jobs: dict[str, JobRecord]) -> bool:
        """Whether a custom resource says what is so; those that the operator made are gone soon after their job's end."""
        status = one.get("status") or {}
        if one["metadata"]["name"] in {job_name(job_id) for job_id in jobs}:
            return False
        if any(entry["type"] == "Refused" for entry in status.get("conditions") or ()):
            return True
        job = jobs.get(status.get("jobId", ""))
        return job is not None and status.get("phase") == job.status

    def _audited(self) -> bool:
        with self.connect() as connection:
            row = connection.execute(
                'SELECT count(*) FROM "RegenerationJob" j WHERE NOT EXISTS (SELECT FROM "AuditEvent" e'
                " WHERE e.\"jobId\" = j.id AND e.event IN ('REGEN_JOB_COMPLETED', 'REGEN_JOB_FAILED'))"
            ).fetchone()
        return row == (0,)

    async def claimed(self, job_id: str) -> None:
        """Until the job's row is no longer PENDING."""

        async def met() -> bool:
            return str(self.jobs()[job_id].status) != "PENDING"

        await self.until(f"{job_id} is claimed", met)

    async def started(self, job_id: str) -> None:
        """Until the job's executor has started."""

        async def met() -> bool:
            return self.control.starts[job_id] > 0

        await self.until(f"{job_id} starts", met)

    async def until(self, what: str, met: Callable[[], Awaitable[bool]], seconds: float = QUIET_SECONDS) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not await met():  # noqa: ASYNC110 - what is waited for is in other processes
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            log = self.stack.log_file(OPERATOR)
            tail = log.read_text(errors="replace")[-4000:] if log.exists() else ""
            state = {job.id: (str(job.status), job.error) for job in self.jobs().values()}
            raise AssertionError(f"not within {seconds:.0f} s: {what}; {state}\n{tail}") from None

    def said(self) -> str:
        """What the operator has logged since this case began; an earlier case's words prove nothing here."""
        log = self.stack.log_file(OPERATOR)
        return log.read_bytes()[self._said_before :].decode(errors="replace") if log.exists() else ""

    # -- what is found ------------------------------------------------------------------------------------------------

    def violations(self, before: Snapshot) -> list[str]:
        """What does not hold, a sentence each."""
        after = self.look()
        seen = self.control.starts
        starts = {job.id: seen[job.instruction["inputs"].get("job", job.id)] for job in after.jobs}
        found = evidence.violations(before, after, starts=starts, cluster=evidence.cluster_objects(self.cluster))
        with self.connect() as connection:
            found += evidence.leaks(connection, self.cluster, self._logs(), self.secrets())
        return self._changes + found

    def secrets(self) -> list[str]:
        logins = [str(urlsplit(self.stack.database_url(role)).password) for role in ("api", "operator", "runner", "readonly")]
        keys = [value for name, value in self.stack.store.runner_environment.items() if "SECRET" in name]
        with self.connect() as connection:
            nonces = [row[0] for row in connection.execute('SELECT nonce FROM "RegenerationRun"').fetchall()]
        return [*logins, *keys, *nonces]

    def _logs(self) -> Mapping[str, str]:
        """Those of the operators and of every pod there was, each read when it is asked for."""
        files = {str(path): path for path in self.stack.folder.glob("logs/*.log")}
        for folder in (self.stack.folder, self.control.folder):
            files |= {str(path.relative_to(folder)): path for path in folder.glob("pods/*/logs/*")}
        return evidence.Files(files)

    async def conclude(self, *, all_deaths: bool = True, passing: Collection[str] = (), away_seconds: float = 0.0) -> Ending:
        """Waits until all is quiet, ends the operator, and looks at everything: while jobs run, and twice at the end.

        ``all_deaths``, ``passing``: see ``stop_operator``.
        ``away_seconds``: how long the fault kept from the operator what it needs to end a job.
        """
        self.away_seconds = away_seconds
        await self.quiet()
        before = self.look()
        await self.stop_operator(all_deaths=all_deaths, passing=passing)
        ends = {job.id: end_of(job) for job in before.jobs}
        return Ending(ends, self.violations(before), self.control.passed, self.control.killed)

    # -- the cluster --------------------------------------------------------------------------------------------------

    async def _clear_cluster(self) -> None:
        for resource in (evidence.KINDS["RegenerationJob"], "jobs.batch", "pods", "events", _LEASE):
            for one in self.cluster.list(resource):
                if one["metadata"]["namespace"] not in {self.namespace, self.runs}:
                    continue
                with suppress(APIError):
                    self.cluster.delete(
                        resource, one["metadata"]["namespace"], one["metadata"]["name"], grace=0, propagation="Background"
                    )

        async def empty() -> bool:
            return not self.cluster.list("pods", self.runs) and not self.cluster.list("jobs.batch", self.runs)

        await self.until("the cluster is empty", empty)


def _set_data(secret: dict[str, Any], values: Mapping[str, str]) -> None:
    secret["data"] = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def _runs(job: dict[str, Any]) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return not any(entry["type"] in {"Complete", "Failed"} and entry["status"] == "True" for entry in conditions)


def _is_alive(pod: dict[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
