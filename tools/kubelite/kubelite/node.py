"""The node agent: scheduler, Job controller and kubelet of a cluster with one node, on one machine, in one event loop.

Everything happens in answer to a change that the API reports; the only timers are deadlines.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from kubelite.cluster import CONFIG_MAPS, JOBS, NODES, PODS, SECRETS, Cluster, Refused
from kubelite.containers import now_text
from kubelite.job_controller import JobController
from kubelite.keeper import Keeper
from kubelite.kubelet import Kubelet
from kubelite.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from kubelite.images import ImageEnvironment
    from kubelite.resources import Object
    from kubelite.store import ObjectStore
    from kubelite.watches import Watch, WatchEvent

_LOG = logging.getLogger(__name__)

NODE_NAME: Final = "kubelite"
_AT_A_TIME: Final = 8
"""Changes handled before the event loop, which the API shares, may do something else."""
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class NodeAgent:
    """An async context manager; when it ends, no process that it started is left and ``folder`` is gone.

    Args:
        store: the API's objects.
        images: image → environment of its processes; may be changed while the agent runs.
        folder: where pods' files lie; made here, removed at the end, even where this process is killed.
        max_pods: how many pods may run at a time; the others wait ``Unschedulable``.
    """

    def __init__(
        self, store: ObjectStore, images: Mapping[str, ImageEnvironment], folder: Path, *, max_pods: int | None = None
    ) -> None:
        self._cluster = Cluster(store)
        self._folder = folder.resolve()
        self._labels = {
            "kubernetes.io/hostname": NODE_NAME,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        }
        self._max_pods = max_pods
        self._keeper = Keeper(self._folder)
        self._watches: list[Watch] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs = JobController(self._cluster)
        self._scheduler = Scheduler(self._cluster, NODE_NAME, self._labels, max_pods)
        self.kubelet = Kubelet(self._cluster, NODE_NAME, images, self._folder / "pods")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begins to watch. Pods come before Jobs, so that no Job is seen without the pods it has."""
        (self._folder / "pods").mkdir(parents=True, exist_ok=True)
        self._keeper.start()
        with suppress(Refused):
            self._cluster.create(NODES, self._node())
        handlers: dict[str, Callable[[WatchEvent], None]] = {
            PODS: self._see_pod,
            JOBS: self._see_job,
            SECRETS: self._see_configuration,
            CONFIG_MAPS: self._see_configuration,
        }
        for resource, handler in handlers.items():
            watch = self._cluster.follow(resource)
            self._watches.append(watch)
            self._tasks.append(asyncio.create_task(self._pass_on(watch, handler), name=f"node agent {resource}"))

    async def stop(self) -> None:
        """Ends every process and reports nothing more. Safe to repeat."""
        for watch in self._watches:
            watch.close()
        await asyncio.gather(*self._tasks)
        self._watches.clear()
        self._tasks.clear()
        self._jobs.stop()
        await self.kubelet.stop()
        self._keeper.stop()

    def _see_pod(self, event: WatchEvent) -> None:
        pod = event.object
        self._jobs.see_pod(event.kind, pod)
        self._scheduler.see_pod(event.kind, pod)
        self.kubelet.see_pod(event.kind, pod)

    def _see_job(self, event: WatchEvent) -> None:
        self._jobs.see_job(event.kind, event.object)

    def _see_configuration(self, event: WatchEvent) -> None:
        del event
        self.kubelet.see_configuration()

    async def _pass_on(self, watch: Watch, see: Callable[[WatchEvent], None]) -> None:
        while events := await watch.batch():
            for first in range(0, len(events), _AT_A_TIME):
                for event in events[first : first + _AT_A_TIME]:
                    with _reported(watch.resource):
                        see(event)
                with _reported(watch.resource):
                    self._jobs.sync()
                await asyncio.sleep(0)

    def _node(self) -> Object:
        room = {"cpu": "1", "memory": "1Gi", "pods": str(self._max_pods or 110)}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelite",
            "lastTransitionTime": now_text(),
            "lastHeartbeatTime": now_text(),
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": NODE_NAME, "labels": self._labels},
            "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
        }


@contextmanager
def _reported(resource: str) -> Iterator[None]:
    """One change that we cannot act on is reported and does not stop the node."""
    try:
        yield
    except Exception:  # noqa: BLE001 - whatever it is
        _LOG.exception("node agent: a change of %s could not be acted on", resource)
