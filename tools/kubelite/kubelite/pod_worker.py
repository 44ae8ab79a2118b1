"""The life of one pod: volumes, init containers in order, the main containers, and its end.

One task per pod. It waits for processes, for configuration that is missing, and for the order to stop; the only timers are
those of Kubernetes itself (deadline, grace, the pull's back-off).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kubelite.cluster import PODS, is_terminal, uid_of
from kubelite.containers import Container, now_text
from kubelite.emulated import pod_not_emulated
from kubelite.images import ContainerWaits
from kubelite.pod_status import Verdict, phase_of, rejected, render
from kubelite.recorder import record
from kubelite.volumes import PodFolder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from kubelite.cluster import Cluster
    from kubelite.environment import Configuration
    from kubelite.images import ImageEnvironment
    from kubelite.process import ContainerProcess
    from kubelite.resources import Object

_LOG = logging.getLogger(__name__)

COMPONENT: Final = "kubelet"
PULL_RETRY_SECONDS: Final = 10.0
"""The kubelet's first back-off after a failed pull; it doubles there, and does not here."""
FORCED_GRACE_SECONDS: Final = 2.0
"""What the kubelet gives a pod that was deleted by force."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The order to end the pod. ``verdict`` is what its status says; ``remove``: the API waits for the pod to be gone."""

    grace: float
    verdict: Verdict | None = None
    remove: bool = False


class _Stopped(Exception):
    """The order to stop came while the pod waited."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every pod of a node shares. ``configuration`` gives a namespace's; ``configured`` is set anew on each change."""

    cluster: Cluster
    images: Mapping[str, ImageEnvironment]
    folder: Path
    configuration: Callable[[str], Configuration]
    next_configuration: Callable[[], Awaitable[None]]


class PodWorker:
    """Runs ``pod``. ``start`` makes the task; it ends when the pod has ended."""

    def __init__(self, pod: Object, node: Surroundings) -> None:
        self.pod = pod
        self.folder = PodFolder(node.folder, uid_of(pod))
        self._node = node
        self._configuration = node.configuration(pod["metadata"]["namespace"])
        spec = pod["spec"]
        waiting = "PodInitializing" if spec.get("initContainers") else "ContainerCreating"
        self.init = [self._container(entry, "PodInitializing") for entry in spec.get("initContainers") or ()]
        self.main = [self._container(entry, waiting) for entry in spec["containers"]]
        self._stop: Stop | None = None
        self._stop_ordered = asyncio.Event()
        self._deadline: asyncio.TimerHandle | None = None
        self._ended = False
        self.task: asyncio.Task[None] | None = None

    def _container(self, spec: Mapping[str, Any], waiting: str) -> Container:
        return Container(spec, uid_of(self.pod), {"waiting": {"reason": waiting}})

    def container(self, name: str) -> Container:
        """The container of that name.

        Raises:
            KeyError: there is none.
        """
        return {container.name: container for container in [*self.init, *self.main]}[name]

    @property
    def logs(self) -> dict[str, Path]:
        """Container → the file of its output."""
        return {container.name: self.folder.log(container.name) for container in [*self.init, *self.main]}

    @property
    def process_ids(self) -> list[int]:
        """The process groups that run now."""
        return [process.pid for process in self._processes() if process.running]

    def start(self) -> None:
        """Begins."""
        name = self.pod["metadata"]["name"]
        self.task = asyncio.get_running_loop().create_task(self._run(), name=f"pod {name}")

    def stop(self, order: Stop) -> None:
        """Ends the pod. A later order may shorten the grace and may add ``remove``; the first verdict stands."""
        first = self._stop
        if first is not None:
            order = Stop(min(first.grace, order.grace), first.verdict or order.verdict, first.remove or order.remove)
        self._stop = order
        self._stop_ordered.set()
        for process in self._processes():
            process.terminate(order.grace)
        if self._ended:
            self._remove()

    def kill(self) -> None:
        """Ends every process at once, and the task with them; nothing is reported."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self.task is not None:
            self.task.cancel()
        for process in self._processes():
            process.kill_now()

    def _processes(self) -> list[ContainerProcess]:
        return [container.process for container in [*self.init, *self.main] if container.process is not None]

    async def _run(self) -> None:
        refused = pod_not_emulated(self.pod)
        if refused is not None:
            self._reject(Verdict("NotEmulated", f"kubelite: {refused}; use a real cluster for it"))
        elif is_terminal(self.pod):
            pass
        elif (self.pod.get("status") or {}).get("containerStatuses"):
            self._reject(Verdict("NodeRestarted", "The node agent that ran the pod has ended, and the pod's processes with it"))
        else:
            self._arm_deadline()
            try:
                await self._live()
            except _Stopped:
                await self._die()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not leave a pod Pending for ever
                _LOG.exception("node agent: pod %s", self.pod["metadata"]["name"])
                self._reject(Verdict("KubeliteFault", f"kubelite failed: {error!r}"))
            if self._deadline is not None:
                self._deadline.cancel()
        self._ended = True
        if self._stop is not None:
            self._remove()

    def _arm_deadline(self) -> None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is not None:
            verdict = Verdict("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            order = Stop(float(self.pod["spec"].get("terminationGracePeriodSeconds", 30)), verdict)
            self._deadline = asyncio.get_running_loop().call_later(seconds, self.stop, order)

    async def _live(self) -> None:
        self.folder.create(self.pod)
        self._report()
        await self._mount()
        for container in self.init:
            await self._start(container)
            await self._ended_by_itself([container])
            if container.exit_code:
                self._report()
                return
        for container in self.main:
            if "waiting" in container.state:
                container.wait_for("ContainerCreating")
        for container in self.main:
            await self._start(container)
        await self._ended_by_itself(self.main)
        self._report()

    async def _mount(self) -> None:
        said = ""
        while True:
            try:
                self.folder.fill(self.pod, self._configuration)
            except ContainerWaits as missing:
                if missing.message != said:
                    record(
                        self._node.cluster, self.pod, COMPONENT, "FailedMount", f"MountVolume.SetUp failed: {missing.message}"
                    )
                    said = missing.message
                await self._unless_stopped(self._node.next_configuration())
            else:
                return

    async def _start(self, container: Container) -> None:
        """Starts the container, after as many tries as it takes."""
        while True:
            if self._stop is not None:
                raise _Stopped
            try:
                container.start(self.pod, self._node.images, self._configuration, self.folder)
            except ContainerWaits as why:
                await self._wait(container, why)
            else:
                self._report()
                return

    async def _wait(self, container: Container, why: ContainerWaits) -> None:
        """Reports why the container cannot start and waits until a further try makes sense."""
        if container.state["waiting"].get("message") != why.message:
            container.wait_for(why.reason, why.message)
            record(self._node.cluster, self.pod, COMPONENT, "Failed", f"Error: {why.reason}: {why.message}")
            self._report()
        if why.reason == "CreateContainerConfigError":
            await self._unless_stopped(self._node.next_configuration())
            return
        if why.reason == "ErrImagePull":
            message = f'Back-off pulling image "{container.spec["image"]}": ErrImagePull: {why.message}'
            container.wait_for("ImagePullBackOff", message)
            self._report()
        await self._unless_stopped(asyncio.sleep(PULL_RETRY_SECONDS))

    async def _ended_by_itself(self, containers: list[Container]) -> None:
        """Waits for all of ``containers``; each one's end is reported when it comes, unless the pod ends with it."""
        left = len(containers)

        async def see_end(container: Container) -> None:
            nonlocal left
            await container.wait(self.folder)
            left -= 1
            if left:
                self._report()

        async with asyncio.TaskGroup() as group:
            for container in containers:
                group.create_task(see_end(container))
        if self._stop is not None:
            raise _Stopped

    async def _unless_stopped(self, awaitable: Awaitable[Any]) -> None:
        """Awaits, or raises ``_Stopped`` as soon as the order comes."""
        work = asyncio.ensure_future(awaitable)
        order = asyncio.ensure_future(self._stop_ordered.wait())
        try:
            await asyncio.wait({work, order}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop is not None:
                raise _Stopped
            await work
        finally:
            work.cancel()
            order.cancel()
            await asyncio.gather(work, order, return_exceptions=True)

    async def _die(self) -> None:
        """The order came: every process has ended or will within the grace; then the last report."""
        assert self._stop is not None
        for container in [*self.init, *self.main]:
            await container.wait(self.folder)
        if all(container.exit_code == 0 for container in self.init):
            for container in self.main:
                if container.exit_code is None:
                    container.abandon()
        self._report(ended=True)

    def _report(self, *, ended: bool = False) -> None:
        phase = phase_of(self.init, self.main)
        if ended and phase in {"Pending", "Running"}:
            phase = "Failed"
        verdict = self._stop.verdict if self._stop is not None else None

        def change(pod: Object) -> None:
            pod["status"] = render(pod.get("status") or {}, self.init, self.main, phase, now_text())
            if verdict is not None:
                pod["status"] |= {"phase": "Failed" if ended else phase, "reason": verdict.reason, "message": verdict.message}

        self._node.cluster.change(PODS, self.pod, change, subresource="status")

    def _reject(self, verdict: Verdict) -> None:
        record(self._node.cluster, self.pod, COMPONENT, verdict.reason, verdict.message)

        def change(pod: Object) -> None:
            pod["status"] = rejected(pod.get("status") or {}, verdict, now_text())

        self._node.cluster.change(PODS, self.pod, change, subresource="status")

    def _remove(self) -> None:
        """The last word of the kubelet: the object may go (finalizers still hold it)."""
        if self._stop is not None and self._stop.remove:
            self._stop = replace(self._stop, remove=False)
            self._node.cluster.delete(PODS, self.pod, grace=0)
