"""Measures how long a pod waits for a node and how long its executor runs, from watch events. Each is reported once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from regen_core.names import CONTAINER_EXECUTE, LABEL_TYPE
from regen_operator.kube.views import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KEEP: Final = 10_000
"""At most this number of pods is remembered; the oldest are forgotten first."""


@dataclass(slots=True)
class PodPhases:
    """``report`` is called with the phase, the job's type and the seconds."""

    report: Callable[[str, str | None, float], None]
    _reported: dict[str, set[str]] = field(default_factory=dict)

    def saw(self, body: Mapping[str, Any], *, listed: bool) -> None:
        """A pod from a watch. Phases that a list shows happened before this process started, and are not reported."""
        metadata = body["metadata"]
        reported = self._reported.setdefault(metadata["uid"], set())
        job_type = (metadata.get("labels") or {}).get(LABEL_TYPE)
        for phase, seconds in _durations(body):
            if phase not in reported:
                reported.add(phase)
                if not listed:
                    self.report(phase, job_type, seconds)
        while len(self._reported) > KEEP:
            del self._reported[next(iter(self._reported))]

    def gone(self, uid: str) -> None:
        """The pod was deleted."""
        self._reported.pop(uid, None)


def _durations(body: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    status = body.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "True" and condition.get("lastTransitionTime"):
            created = moment(body["metadata"]["creationTimestamp"])
            yield "scheduled", (moment(condition["lastTransitionTime"]) - created).total_seconds()
    for container in status.get("initContainerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated") or {}
        if container["name"] == CONTAINER_EXECUTE and ended.get("startedAt") and ended.get("finishedAt"):
            yield "executed", (moment(ended["finishedAt"]) - moment(ended["startedAt"])).total_seconds()
