"""The status of a pod as a function of its containers, in the kubelet's words (``pkg/kubelet/status/generate.go``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubelite.containers import Container

OWN_CONDITIONS: Final = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a pod failed though its containers do not say so: ``status.reason`` and ``status.message``."""

    reason: str
    message: str


def phase_of(init: Sequence[Container], main: Sequence[Container]) -> str:
    """The phase of a pod with restartPolicy Never."""
    if any(container.exit_code not in {None, 0} for container in init):
        return "Failed"
    if any(container.exit_code is None for container in init):
        return "Pending"
    codes = [container.exit_code for container in main]
    if None not in codes:
        return "Failed" if any(codes) else "Succeeded"
    if any(code is None and "waiting" in container.state for container, code in zip(main, codes, strict=True)):
        return "Pending"
    return "Running"


def render(old: dict[str, Any], init: Sequence[Container], main: Sequence[Container], phase: str, now: str) -> dict[str, Any]:
    """The next status: ``old`` (whose foreign conditions stay) with what the kubelet knows."""
    status = {**old, "phase": phase, "hostIP": HOST, "hostIPs": [{"ip": HOST}], "podIP": HOST, "podIPs": [{"ip": HOST}]}
    status.setdefault("startTime", now)
    if init:
        status["initContainerStatuses"] = [container.status(init=True) for container in init]
    status["containerStatuses"] = [container.status(init=False) for container in main]
    status["conditions"] = merged(old.get("conditions") or [], _conditions(init, main, phase), now)
    return status


def rejected(old: dict[str, Any], verdict: Verdict, now: str) -> dict[str, Any]:
    """The status of a pod that the kubelet will not run."""
    return {**old, "phase": "Failed", "reason": verdict.reason, "message": verdict.message, "startTime": now}


def condition(kind: str, *, holds: bool, reason: str = "", message: str = "") -> dict[str, Any]:
    """A condition without its times."""
    made: dict[str, Any] = {"type": kind, "status": str(holds)}
    return made | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def merged(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]], now: str) -> list[dict[str, Any]]:
    """``old`` with ``new`` in place of those of the same type; the transition's time moves only where the status does."""
    before = {entry["type"]: entry for entry in old}
    result = [entry for entry in old if entry["type"] not in {fresh["type"] for fresh in new}]
    for entry in new:
        last = before.get(entry["type"])
        same = last is not None and last["status"] == entry["status"]
        since = last["lastTransitionTime"] if last is not None and same else now
        result.append({**entry, "lastProbeTime": None, "lastTransitionTime": since})
    return result


def _conditions(init: Sequence[Container], main: Sequence[Container], phase: str) -> list[dict[str, Any]]:
    alive = phase in {"Pending", "Running"}
    return [
        condition("PodReadyToStartContainers", holds=alive),
        _initialized(init, main, phase),
        _ready("Ready", main, phase),
        _ready("ContainersReady", main, phase),
        condition("PodScheduled", holds=True),
    ]


def _initialized(init: Sequence[Container], main: Sequence[Container], phase: str) -> dict[str, Any]:
    if phase == "Succeeded":
        return condition("Initialized", holds=True, reason="PodCompleted")
    incomplete = [container.name for container in init if container.exit_code != 0]
    if not incomplete or any(container.process for container in main):
        return condition("Initialized", holds=True)
    message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    return condition("Initialized", holds=False, reason="ContainersNotInitialized", message=message)


def _ready(kind: str, main: Sequence[Container], phase: str) -> dict[str, Any]:
    if phase in {"Succeeded", "Failed"}:
        return condition(kind, holds=False, reason="PodCompleted" if phase == "Succeeded" else "PodFailed")
    unready = [container.name for container in main if "running" not in container.state]
    if not unready:
        return condition(kind, holds=True)
    message = f"containers with unready status: [{' '.join(unready)}]"
    return condition(kind, holds=False, reason="ContainersNotReady", message=message)
