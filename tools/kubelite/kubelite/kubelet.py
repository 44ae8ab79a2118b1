"""The kubelet: a worker per pod that is bound to this node, told of every change by the API.

Configuration that a pod waits for is awaited through the watches on Secrets and ConfigMaps.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kubelite.cluster import CONFIG_MAPS, SECRETS, uid_of
from kubelite.pod_status import Verdict
from kubelite.pod_worker import FORCED_GRACE_SECONDS, PodWorker, Stop, Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kubelite.cluster import Cluster
    from kubelite.images import ImageEnvironment
    from kubelite.resources import Object

_DELETED: Final = "DELETED"


class Kubelet:
    """Runs the pods of the node ``name``; their folders lie in ``folder``."""

    def __init__(self, cluster: Cluster, name: str, images: Mapping[str, ImageEnvironment], folder: Path) -> None:
        self._cluster = cluster
        self._name = name
        self._workers: dict[str, PodWorker] = {}
        self._changed = asyncio.Event()
        self._node = Surroundings(cluster, images, folder, self._configuration, self._next_configuration)

    @property
    def process_ids(self) -> dict[str, list[int]]:
        """Pod uid → ids of the process groups that run now."""
        return {uid: worker.process_ids for uid, worker in self._workers.items()}

    def see_pod(self, kind: str, pod: Object) -> None:
        """Acts on one change of a pod."""
        if pod["spec"].get("nodeName") != self._name:
            return
        worker = self._workers.get(uid_of(pod))
        if kind == _DELETED:
            if worker is not None:
                self._forget(worker)
            return
        if worker is None:
            worker = PodWorker(pod, self._node)
            self._workers[uid_of(pod)] = worker
            self._cluster.publish_logs(pod, worker.logs)
            worker.start()
        if "deletionTimestamp" in pod["metadata"]:
            grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0) or FORCED_GRACE_SECONDS
            worker.stop(Stop(grace, remove=True))

    def see_configuration(self) -> None:
        """A Secret or ConfigMap changed: whoever waits for one looks again."""
        self._changed.set()
        self._changed.clear()

    def oom_kill(self, namespace: str, pod: str, container: str) -> None:
        """Does to a container what the kernel does when its memory limit is reached: SIGKILL, reason ``OOMKilled``.

        Memory limits are not enforced here; a test that needs one reached says so.
        """
        found = self._worker(namespace, pod).container(container)
        if found.process is not None:
            found.oom_killed = True
            found.process.kill()

    def evict(self, namespace: str, pod: str, message: str) -> None:
        """Ends a pod as the kubelet does under pressure: phase Failed, reason ``Evicted``."""
        self._worker(namespace, pod).stop(Stop(FORCED_GRACE_SECONDS, Verdict("Evicted", message)))

    async def stop(self) -> None:
        """Ends every process at once; nothing is reported."""
        workers = list(self._workers.values())
        for worker in workers:
            worker.kill()
        tasks = [worker.task for worker in workers if worker.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in workers:
            self._cluster.forget_logs(worker.pod, worker.logs)
            worker.folder.remove()
        self._workers.clear()

    def _forget(self, worker: PodWorker) -> None:
        """The object is gone: whatever still runs ends now, and the folder goes when it has."""
        worker.stop(Stop(FORCED_GRACE_SECONDS))
        assert worker.task is not None
        worker.task.add_done_callback(lambda _: self._clean_up(worker))

    def _clean_up(self, worker: PodWorker) -> None:
        if self._workers.pop(uid_of(worker.pod), None) is not None:
            self._cluster.forget_logs(worker.pod, worker.logs)
            worker.folder.remove()

    def _worker(self, namespace: str, pod: str) -> PodWorker:
        for worker in self._workers.values():
            meta = worker.pod["metadata"]
            if (meta["namespace"], meta["name"]) == (namespace, pod):
                return worker
        msg = f"pod {namespace}/{pod}: expected a pod of this node"
        raise KeyError(msg)

    def _configuration(self, namespace: str) -> _NamespaceConfiguration:
        return _NamespaceConfiguration(self._cluster, namespace)

    async def _next_configuration(self) -> None:
        await self._changed.wait()


class _NamespaceConfiguration:
    """The Secrets and ConfigMaps of one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def secret(self, name: str) -> Mapping[str, Any] | None:
        """The Secret, or None."""
        return self._cluster.get(SECRETS, self._namespace, name)

    def config_map(self, name: str) -> Mapping[str, Any] | None:
        """The ConfigMap, or None."""
        return self._cluster.get(CONFIG_MAPS, self._namespace, name)
