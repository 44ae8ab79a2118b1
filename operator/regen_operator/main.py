"""``regen-operator``: builds the components and runs them until SIGTERM, or until one of them fails."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

import structlog

from regen_core.errors import RegenError, SettingsInvalid
from regen_core.logs import configure_logs
from regen_core.states import Claim
from regen_operator.claim.dispatcher import Dispatcher
from regen_operator.claim.listener import Listener
from regen_operator.kube.client import CUSTOM, JOBS, KubeClient
from regen_operator.kube.errors import KubeError
from regen_operator.kube.lease import Lease
from regen_operator.kube.views import job_view
from regen_operator.kube.watching import watch
from regen_operator.launch.classes import load_classes
from regen_operator.launch.launcher import Launcher
from regen_operator.launch.launches import Launches
from regen_operator.mirror.cache import MirrorCache
from regen_operator.mirror.ingest import Ingester
from regen_operator.mirror.mirror import Mirror
from regen_operator.recover.gather import Gatherer
from regen_operator.recover.reconciler import Dependencies, Reconciler
from regen_operator.recover.sweep import Sweep
from regen_operator.rows.database import Database
from regen_operator.settings import load_settings
from regen_operator.telemetry.health import HealthServer, Probe, WatchAge, since
from regen_operator.telemetry.metrics import Metrics
from regen_operator.telemetry.pod_phases import PodPhases
from regen_operator.telemetry.queue_metrics import QueueMetrics
from regen_operator.telemetry.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from regen_operator.kube.client import ResourceType
    from regen_operator.launch.classes import Classes
    from regen_operator.settings import Settings

log = structlog.get_logger("regen.operator")

RECURSION_LIMIT: Final = 12_000
"""The API server accepts JSON of 10,000 levels; parsing such an object must not stop the operator."""


class Operator:
    """One replica. Every replica watches, lists and listens; only the holder of the Lease acts."""

    def __init__(self, settings: Settings, classes: Classes) -> None:
        self.settings = settings
        self.kube = KubeClient(timeout_seconds=settings.api_timeout_seconds, concurrency=settings.api_concurrency)
        self.database = Database(
            settings.database_url, pool_size=settings.database_pool_size, timeout_seconds=settings.database_timeout_seconds
        )
        self.metrics = Metrics(classes.types)
        self.kube.on_call = self.metrics.api_call
        self.database.on_call = self.metrics.database_call
        transitions = Transitions(2 * settings.lease_seconds)
        self.cache = MirrorCache(settings.namespace)
        self.watches = {JOBS: WatchAge(), CUSTOM: WatchAge()}
        self.kube.on_create = self._object_created
        launcher = Launcher(
            self.kube, classes, namespace=settings.runner_namespace, pending_seconds=settings.pending_deadline_seconds
        )
        self.launches = Launches(launcher, self.database, self.metrics, self.mirror_changed)
        gatherer = Gatherer(self.kube, settings.runner_namespace)
        dependencies = Dependencies(self.database, self.kube, gatherer, self.launches, classes, settings, self.metrics)
        self.reconciler = Reconciler(dependencies, self.mirror_changed)
        ingester = Ingester(
            self.database, self.kube, self.cache, cluster=settings.cluster_name, namespaces=settings.ingest_namespaces
        )
        self.mirror = Mirror(
            self.database,
            self.kube,
            cache=self.cache,
            ingester=ingester,
            settings=settings,
            waiting=self.reconciler.memories.waiting,
            blocked_types=self.reconciler.blocked_types,
            metrics=self.metrics,
            transitions=transitions,
        )
        claim = Claim(settings.claim_batch, settings.caps, frozenset(classes.types))
        self.dispatcher = Dispatcher(
            self.database,
            self.launches,
            claim,
            limits=self.reconciler.claim_limits,
            changed=self.mirror_changed,
            metrics=self.metrics,
            poll_seconds=settings.poll_seconds,
        )
        self.sweep = Sweep(self.database, self.kube, self.reconciler, classes, settings, metrics=self.metrics)
        self.pod_phases = PodPhases(self.metrics.phase)
        self.listener = Listener(settings.listen_url, self.rows_changed, timeout_seconds=settings.database_timeout_seconds)
        self.lease = Lease(
            self.kube,
            namespace=settings.namespace,
            name=settings.lease_name,
            identity=settings.identity,
            seconds=settings.lease_seconds,
            healthy=self.database_responds,
        )
        self.queue_metrics = QueueMetrics(
            self.database,
            self.metrics,
            settings,
            transitions=transitions,
            blocked_types=self.reconciler.blocked_types,
            leads=lambda: self.lease.held,
        )
        self._last_list: float | None = None
        self._last_collection: float | None = None
        self._probes = self._activity_ages()
        for name, executor_class in classes.by_type.items():
            self.metrics.sandbox_required.labels(name).set(executor_class.sandbox == "require")
        self.health_port: int | None = None

    # -- hints ---------------------------------------------------------------------------------------------------------

    def mirror_changed(self) -> None:
        """A change that custom resources show."""
        self.mirror.enqueue()

    def _object_created(self, resource: ResourceType, since: float) -> None:
        """An object was created by a request sent at ``since``; its watch must report it."""
        if resource in self.watches:
            self.watches[resource].expect(since)

    def rows_changed(self) -> None:
        """A notification arrived: rows were inserted, changed their status or took their fence."""
        self.dispatcher.enqueue()
        self.mirror.enqueue()

    def database_responds(self) -> bool:
        """Whether a call of the database succeeded within the Lease's duration."""
        last = self.database.last_success
        return last is not None and time.monotonic() - last < self.settings.lease_seconds

    def job_event(self, job_id: str, body: dict[str, Any], *, deleted: bool) -> None:
        """A job's Job changed."""
        self.watches[JOBS].heard()
        job = job_view(body)
        if (deleted or job.deleting) and not job.is_finished:
            self.reconciler.job_deleted(job_id, job.uid)
        self.reconciler.requeue(job_id)

    def pod_event(self, job_id: str, body: dict[str, Any], *, listed: bool, deleted: bool) -> None:
        """A pod of a job changed, or was listed."""
        if deleted:
            self.pod_phases.gone(body["metadata"]["uid"])
        else:
            self.pod_phases.saw(body, listed=listed)
        self.reconciler.requeue(job_id)

    def custom_event(self, body: dict[str, Any], *, deleted: bool) -> None:
        """A custom resource changed."""
        self.watches[CUSTOM].heard()
        metadata = body["metadata"]
        if deleted:
            self.cache.forget(metadata["namespace"], metadata["name"], metadata["uid"])
            self.mirror.enqueue()
            return
        entry = self.cache.observe(body)
        if not entry.is_mirror and entry.job_id is None:
            self.mirror.enqueue()

    # -- running -------------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until ``stop`` is set; raises the error of the first component that fails."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.kube)
            await self.database.open()
            stack.push_async_callback(self.database.close)
            health = self._health()
            self.health_port = await health.start()
            stack.push_async_callback(health.stop)
            log.info("operator started", identity=self.settings.identity, health_port=self.health_port)
            _on_signals(stop)
            components = [
                asyncio.create_task(work, name=name)
                for name, work in {
                    "lease": self.lease.run(self._lead),
                    "watches": watch(self, self.settings, self.kube),
                    "listener": self.listener.run(),
                    "database probe": self._probe_database(),
                    "lists": self._list(),
                    "queue metrics": self.queue_metrics.run(self._metrics_collected),
                }.items()
            ]
            try:
                await _first_failure(components, stop)
            finally:
                # Release the Lease while the connections are still open.
                await _cancel(components)
                log.info("operator stopped", writes=dict(self.kube.writes))

    async def _lead(self) -> None:
        """Runs the components of the leader."""
        async with asyncio.TaskGroup() as group:
            # Launches first: they must accept the rows of the first claim.
            group.create_task(self.launches.run(), name="launches")
            group.create_task(self.reconciler.run(), name="reconciler")
            group.create_task(self.dispatcher.run(), name="dispatcher")
            group.create_task(self.mirror.run(), name="mirror")
            group.create_task(self.sweep.run(), name="sweep")

    async def _probe_database(self) -> None:
        """Reads the database's clock, in followers too: readiness and the Lease depend on its success."""
        pause = min(self.settings.lease_seconds / 4, self.settings.health_max_age_seconds / 8, 5.0)
        while True:
            try:
                await self.database.clock()
            except RegenError as error:
                log.warning("database probe failed, will retry", error=error.message, retry_in=pause)
            await asyncio.sleep(pause)

    async def _list(self) -> None:
        """Lists the custom resources periodically: it keeps a follower's cache current and corrects missed watch events."""
        while True:
            pause = min(self.settings.resync_seconds, self.settings.health_max_age_seconds / 3)
            try:
                await self.mirror.list_all()
                self._last_list = time.monotonic()
                self.mirror.enqueue()
            except KubeError as error:
                pause = min(pause, 5.0)
                log.warning("list of custom resources failed, will retry", error=error.message, retry_in=pause)
            await asyncio.sleep(pause)

    def _metrics_collected(self) -> None:
        self._last_collection = time.monotonic()

    def _activity_ages(self) -> list[Probe]:
        """The ages that decide health. Metrics show them too, and the ages of the loops."""
        probes = [
            Probe("database", since(lambda: self.database.last_success)),
            Probe("api", since(lambda: self.kube.last_success)),
            Probe("list", since(lambda: self._last_list)),
            *(Probe(f"watch {resource.plural}", watch.age) for resource, watch in self.watches.items()),
        ]
        loops = [
            Probe("queue_metrics", since(lambda: self._last_collection)),
            Probe("claim", since(self._while_leading(lambda: self.dispatcher.last_success))),
            Probe("sweep", since(self._while_leading(lambda: self.sweep.last_success))),
        ]
        for probe in (*probes, *loops):
            self.metrics.export_age(probe.name.replace(" ", "_"), probe.age)
        self.metrics.leader.set_function(lambda: float(self.lease.held))
        self.metrics.launching.set_function(lambda: float(self.launches.can_launch))
        self.metrics.listening.set_function(lambda: float(self.listener.proven is True))
        return probes

    def _while_leading(self, moment: Callable[[], float | None]) -> Callable[[], float | None]:
        return lambda: moment() if self.lease.held else None

    def _health(self) -> HealthServer:
        settings = self.settings
        return HealthServer(
            self._probes,
            self.metrics.page,
            max_age_seconds=settings.health_max_age_seconds,
            host=settings.health_host,
            port=settings.health_port,
        )


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)


async def _first_failure(components: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*components, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    for task in done & set(components):
        await task
        raise RuntimeError(f"component {task.get_name()} ended unexpectedly")


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def run_until_signal(settings: Settings, classes: Classes) -> None:
    """Runs the operator until SIGTERM or SIGINT."""
    await Operator(settings, classes).run(asyncio.Event())


def main() -> None:
    """The entry point."""
    sys.setrecursionlimit(RECURSION_LIMIT)
    try:
        settings = load_settings()
        configure_logs(settings.log_level, quiet=["kopf"])  # kopf logs every event at INFO
        classes = load_classes(settings.classes_file)
        classes.require(settings.cap_types, "REGEN_CAP_TYPES")
        _run(run_until_signal(settings, classes))
    except SettingsInvalid as error:
        sys.exit(f"regen-operator: {error.message}")


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except* SettingsInvalid as group:
        raise group.exceptions[0] from None
    except* Exception:
        log.exception("operator failed")
        sys.exit(1)


if __name__ == "__main__":
    main()
