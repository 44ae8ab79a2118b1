"""The tables that ``kubectl get`` prints: the server makes columns and cells (``pkg/printers/internalversion/printers.go``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kubelite import jsonpath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kubelite.resources import Object, Resource


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``wide`` ones show with ``-o wide``. ``cell`` gets the object and the time."""

    name: str
    cell: Callable[[Object, datetime], Any]
    type: str = "string"
    wide: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """The entry of ``columnDefinitions``."""
        form = "name" if self.name == "Name" else ""
        return {"name": self.name, "type": self.type, "format": form, "description": "", "priority": int(self.wide)}


def human_duration(seconds: float) -> str:
    """``90s``, ``5m10s``, ``3h5m``, ``2d3h`` … (``apimachinery/pkg/util/duration.HumanDuration``)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    minutes, hours = whole // 60, whole // 3600
    days, years = hours // 24, hours // (24 * 365)
    steps: tuple[tuple[bool, int, str, int, str], ...] = (
        (whole < 120, whole, "s", 0, ""),
        (minutes < 10, minutes, "m", whole % 60, "s"),
        (minutes < 180, minutes, "m", 0, ""),
        (hours < 8, hours, "h", minutes % 60, "m"),
        (hours < 48, hours, "h", 0, ""),
        (hours < 192, days, "d", hours % 24, "h"),
        (days < 365 * 2, days, "d", 0, ""),
        (days < 365 * 8, years, "y", days % 365, "d"),
        (True, years, "y", 0, ""),
    )
    _, count, unit, rest, rest_unit = next(step for step in steps if step[0])
    return f"{count}{unit}" + (f"{rest}{rest_unit}" if rest else "")


def _since(text: Any, now: datetime, unknown: str = "<unknown>") -> str:
    if not isinstance(text, str) or not text:
        return unknown
    return human_duration((now - datetime.fromisoformat(text)).total_seconds())


def _at(path: str) -> Callable[[Object, datetime], Any]:
    return lambda obj, _now: jsonpath.first(path, obj)


def _age(obj: Object, now: datetime) -> str:
    return _since(obj["metadata"].get("creationTimestamp"), now)


def _conditions(obj: Object) -> set[str]:
    return {entry["type"] for entry in obj.get("status", {}).get("conditions") or () if entry.get("status") == "True"}


def _job_status(job: Object, _now: datetime) -> str:
    true = _conditions(job)
    order = (
        ("Complete" in true, "Complete"),
        ("Failed" in true, "Failed"),
        ("deletionTimestamp" in job["metadata"], "Terminating"),
        ("Suspended" in true, "Suspended"),
        ("FailureTarget" in true, "FailureTarget"),
        ("SuccessCriteriaMet" in true, "SuccessCriteriaMet"),
    )
    return next((word for holds, word in order if holds), "Running")


def _job_completions(job: Object, _now: datetime) -> str:
    return f"{job.get('status', {}).get('succeeded', 0)}/{job['spec'].get('completions', 1)}"


def _job_duration(job: Object, now: datetime) -> str:
    status = job.get("status", {})
    end = status.get("completionTime")
    return _since(status.get("startTime"), datetime.fromisoformat(end) if end else now, "")


def _template(name: str) -> Callable[[Object, datetime], str]:
    return lambda job, _now: ",".join(container[name] for container in job["spec"]["template"]["spec"]["containers"])


def _job_selector(job: Object, _now: datetime) -> str:
    return ",".join(f"{key}={value}" for key, value in job["spec"]["selector"].get("matchLabels", {}).items())


def _pod_ready(pod: Object, _now: datetime) -> str:
    statuses = pod["status"].get("containerStatuses") or ()
    return f"{sum(bool(status.get('ready')) for status in statuses)}/{len(pod['spec']['containers'])}"


def _pod_restarts(pod: Object, _now: datetime) -> str:
    status = pod["status"]
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return str(sum(entry.get("restartCount", 0) for entry in statuses))


def _pod_status(pod: Object, _now: datetime) -> str:
    status = pod["status"]
    reason = _init_reason(pod) or _container_reason(status) or status.get("reason") or status.get("phase", "")
    if "deletionTimestamp" in pod["metadata"]:
        if status.get("reason") == "NodeLost":
            return "Unknown"
        if status.get("phase") not in {"Succeeded", "Failed"}:
            return "Terminating"
    return str(reason)


def _ended(state: Mapping[str, Any]) -> str:
    if state.get("reason"):
        return str(state["reason"])
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"


def _init_reason(pod: Object) -> str:
    for index, entry in enumerate(pod["status"].get("initContainerStatuses") or ()):
        state = entry.get("state") or {}
        if "terminated" in state:
            if state["terminated"].get("exitCode") == 0:
                continue
            return f"Init:{_ended(state['terminated'])}"
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{index}/{len(pod['spec']['initContainers'])}"
    return ""


def _container_reason(status: Mapping[str, Any]) -> str:
    reason, running = "", False
    for entry in reversed(status.get("containerStatuses") or ()):
        state = entry.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif "terminated" in state:
            reason = _ended(state["terminated"])
        elif entry.get("ready") and "running" in state:
            running = True
    return "Running" if reason == "Completed" and running else reason


def _event_object(event: Object, _now: datetime) -> str:
    about = event.get("involvedObject") or {}
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def _event_seen(event: Object, now: datetime) -> str:
    return _since(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp"), now)


def _node_status(node: Object, _now: datetime) -> str:
    return "Ready" if "Ready" in _conditions(node) else "NotReady"


def _size(field: str) -> Callable[[Object, datetime], int]:
    return lambda obj, _now: len(obj.get(field) or ())


_NAME = Column("Name", _at(".metadata.name"))
_AGE = Column("Age", _age)
_BUILT_IN: Mapping[str, Sequence[Column]] = {
    "jobs.batch": (
        Column("Status", _job_status),
        Column("Completions", _job_completions),
        Column("Duration", _job_duration),
        _AGE,
        Column("Containers", _template("name"), wide=True),
        Column("Images", _template("image"), wide=True),
        Column("Selector", _job_selector, wide=True),
    ),
    "pods": (
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        _AGE,
        Column("IP", lambda pod, _now: pod["status"].get("podIP") or "<none>", wide=True),
        Column("Node", lambda pod, _now: pod["spec"].get("nodeName") or "<none>", wide=True),
        Column("Nominated Node", lambda pod, _now: pod["status"].get("nominatedNodeName") or "<none>", wide=True),
        Column("Readiness Gates", lambda _pod, _now: "<none>", wide=True),
    ),
    "namespaces": (Column("Status", _at(".status.phase")), _AGE),
    "nodes": (
        Column("Status", _node_status),
        Column("Roles", lambda _node, _now: "<none>"),
        _AGE,
        Column("Version", _at(".status.nodeInfo.kubeletVersion")),
    ),
    "secrets": (Column("Type", _at(".type")), Column("Data", _size("data"), "integer"), _AGE),
    "configmaps": (Column("Data", _size("data"), "integer"), _AGE),
    "serviceaccounts": (Column("Secrets", _size("secrets"), "integer"), _AGE),
    "events": (
        Column("Last Seen", _event_seen),
        Column("Type", _at(".type")),
        Column("Reason", _at(".reason")),
        Column("Object", _event_object),
        Column("Message", lambda event, _now: (event.get("message") or "").strip()),
        Column("Count", lambda event, _now: event.get("count") or 1, "integer", wide=True),
    ),
    "leases.coordination.k8s.io": (Column("Holder", _at(".spec.holderIdentity")), _AGE),
}
_OTHERS: Sequence[Column] = (Column("Created At", _at(".metadata.creationTimestamp")),)


def columns(resource: Resource) -> list[Column]:
    """The columns of a resource; a custom one's come from its ``additionalPrinterColumns``."""
    if resource.custom:
        return [_NAME, *(_custom(entry) for entry in resource.columns)]
    own = list(_BUILT_IN.get(resource.key, _OTHERS))
    # kubectl prints events without their names
    return [*own, Column("Name", _at(".metadata.name"), wide=True)] if resource.key == "events" else [_NAME, *own]


def _custom(entry: Mapping[str, Any]) -> Column:
    path, kind = entry["jsonPath"], entry["type"]

    def cell(obj: Object, now: datetime) -> Any:
        value = jsonpath.first(path, obj)
        if value is None:
            return None
        if kind == "date":
            return _since(value, now)
        if kind == "string" and not isinstance(value, str):
            return json.dumps(value, separators=(",", ":"))
        return value

    return Column(entry["name"], cell, "string" if kind == "date" else kind, wide=entry.get("priority", 0) > 0)


def table(
    resource: Resource, objects: Iterable[Object], meta: Mapping[str, Any], now: datetime, include: str = "Metadata"
) -> Object:
    """The ``meta.k8s.io/v1 Table`` of ``objects``.

    Args:
        resource: what they are.
        objects: one row each.
        meta: the metadata of the list.
        now: ages count to here.
        include: what each row carries: None, Metadata or Object.
    """
    shown = columns(resource)
    rows = [
        {"cells": [column.cell(obj, now) for column in shown]}
        | ({} if include == "None" else {"object": _row_object(obj, include)})
        for obj in objects
    ]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": dict(meta)}
    return head | {"columnDefinitions": [column.definition for column in shown], "rows": rows}


def _row_object(obj: Object, include: str) -> Object:
    return obj if include == "Object" else partial(obj)


def partial(obj: Object) -> Object:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
