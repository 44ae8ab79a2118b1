"""How long a pod took to find a node, and its executor to run, from what watches tell of the pod. Each is told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from regen_core.names import CONTAINER_EXECUTE, LABEL_TYPE
from regen_operator.kube.views import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KEEP: Final = 10_000
"""Pods that are remembered at the most; the oldest are forgotten first."""


@dataclass(slots=True)
class PodPhases:
    """``tell`` is called with the phase, the job's type and its seconds."""

    tell: Callable[[str, str | None, float], None]
    _told: dict[str, set[str]] = field(default_factory=dict)

    def saw(self, body: Mapping[str, Any], *, listed: bool) -> None:
        """A pod of ours as a watch gave it; what a list shows happened before we looked, and is not told."""
        metadata = body["metadata"]
        told = self._told.setdefault(metadata["uid"], set())
        job_type = (metadata.get("labels") or {}).get(LABEL_TYPE)
        for phase, seconds in _durations(body):
            if phase not in told:
                told.add(phase)
                if not listed:
                    self.tell(phase, job_type, seconds)
        while len(self._told) > KEEP:
            del self._told[next(iter(self._told))]

    def gone(self, uid: str) -> None:
        """The pod was deleted."""
        self._told.pop(uid, None)


def _durations(body: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    status = body.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "True" and condition.get("lastTransitionTime"):
            made = moment(body["metadata"]["creationTimestamp"])
            yield "scheduled", (moment(condition["lastTransitionTime"]) - made).total_seconds()
    for container in status.get("initContainerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated") or {}
        if container["name"] == CONTAINER_EXECUTE and ended.get("startedAt") and ended.get("finishedAt"):
            yield "executed", (moment(ended["finishedAt"]) - moment(ended["startedAt"])).total_seconds()
