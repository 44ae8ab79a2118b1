"""The scheduler of a cluster with one node: binds pods in the order of their arrival while the node has room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubelite.cluster import PODS, is_terminal, uid_of
from kubelite.containers import now_text
from kubelite.pod_status import condition, merged
from kubelite.recorder import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubelite.cluster import Cluster
    from kubelite.resources import Object

COMPONENT: Final = "default-scheduler"
_DELETED: Final = "DELETED"


class Scheduler:
    """Binds pods to the node ``name``, at most ``max_pods`` at a time (None: no limit). Resources are not counted."""

    def __init__(self, cluster: Cluster, name: str, labels: Mapping[str, str], max_pods: int | None) -> None:
        self._cluster = cluster
        self._name = name
        self._labels = labels
        self._max_pods = max_pods
        self._waiting: dict[str, Object] = {}
        self._bound: set[str] = set()

    def see_pod(self, kind: str, pod: Object) -> None:
        """Acts on one change of a pod."""
        uid = uid_of(pod)
        self._waiting.pop(uid, None) if kind == _DELETED else None
        if kind == _DELETED or is_terminal(pod):
            self._bound.discard(uid)
            self._fill()
        elif pod["spec"].get("nodeName"):
            self._bound.add(uid)
            self._waiting.pop(uid, None)
        elif uid not in self._bound and "deletionTimestamp" not in pod["metadata"]:
            self._waiting.setdefault(uid, pod)
            self._fill()

    def _fill(self) -> None:
        """Binds what fits. A pod that fits nowhere lets those behind it pass, as in a real cluster."""
        for uid, pod in list(self._waiting.items()):
            refusal = self._refusal(pod)
            if refusal is not None:
                self._say_why(pod, refusal)
                continue
            del self._waiting[uid]
            self._bound.add(uid)
            self._cluster.change(PODS, pod, self._bind, subresource="binding")

    def _bind(self, pod: Object) -> None:
        pod["spec"]["nodeName"] = self._name

    def _refusal(self, pod: Object) -> str | None:
        selector = pod["spec"].get("nodeSelector") or {}
        if any(self._labels.get(key) != value for key, value in selector.items()):
            return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        if self._max_pods is not None and len(self._bound) >= self._max_pods:
            return "0/1 nodes are available: 1 Too many pods."
        return None

    def _say_why(self, pod: Object, refusal: str) -> None:
        conditions = (pod.get("status") or {}).get("conditions") or ()
        if any(entry["type"] == "PodScheduled" and entry.get("message") == refusal for entry in conditions):
            return
        said = condition("PodScheduled", holds=False, reason="Unschedulable", message=refusal)

        def change(current: Object) -> None:
            status = current.setdefault("status", {})
            status["conditions"] = merged(status.get("conditions") or [], [said], now_text())

        changed = self._cluster.change(PODS, pod, change, subresource="status")
        if changed is not None:
            self._waiting[uid_of(pod)] = changed
            record(self._cluster, pod, COMPONENT, "FailedScheduling", refusal)
