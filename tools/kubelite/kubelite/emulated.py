"""What of a pod or Job is not emulated and would change its meaning. Such an object fails by name; nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kubelite.environment import field_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VOLUME_KINDS: Final = ("emptyDir", "secret", "configMap", "projected", "downwardAPI")
PROJECTED_KINDS: Final = ("secret", "configMap", "downwardAPI")

_POD_FIELDS: Final = (
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "shareProcessNamespace",
    "hostAliases",
    "affinity",
    "topologySpreadConstraints",
    "schedulingGates",
    "runtimeClassName",
    "ephemeralContainers",
    "resourceClaims",
    "overhead",
)
_CONTAINER_FIELDS: Final = (
    "lifecycle",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "restartPolicy",
    "restartPolicyRules",
    "volumeDevices",
    "stdin",
    "tty",
)
_JOB_FIELDS: Final = ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy", "manualSelector")


def pod_not_emulated(pod: Mapping[str, Any]) -> str | None:
    """Why the pod cannot be run here, naming the field; None where it can."""
    return next(_pod_faults(pod), None)


def job_not_emulated(job: Mapping[str, Any]) -> str | None:
    """Why the Job cannot be run here, naming the field; None where it can."""
    spec = job["spec"]
    for name in _JOB_FIELDS:
        if spec.get(name):
            return f"spec.{name} is not emulated"
    if spec.get("completionMode", "NonIndexed") != "NonIndexed":
        return "spec.completionMode: only NonIndexed is emulated"
    return None


def _pod_faults(pod: Mapping[str, Any]) -> Iterator[str]:
    spec = pod["spec"]
    for name in _POD_FIELDS:
        if spec.get(name):
            yield f"spec.{name} is not emulated"
    if spec.get("hostUsers") is False:
        yield "spec.hostUsers: user namespaces are not emulated"
    if spec.get("restartPolicy", "Always") != "Never":
        yield f"spec.restartPolicy: only Never is emulated, got {spec.get('restartPolicy', 'Always')}"
    for volume in spec.get("volumes") or ():
        yield from _volume_faults(volume)
    for group in ("initContainers", "containers"):
        for container in spec.get(group) or ():
            for fault in _container_faults(pod, container):
                yield f"spec.{group}[{container['name']}].{fault}"


def _volume_faults(volume: Mapping[str, Any]) -> Iterator[str]:
    kinds = [key for key in volume if key != "name"]
    where = f"spec.volumes[{volume['name']}]"
    for kind in kinds:
        if kind not in VOLUME_KINDS:
            yield f"{where}.{kind} is not emulated"
    for source in (volume.get("projected") or {}).get("sources") or ():
        for kind in source:
            if kind not in PROJECTED_KINDS:
                yield f"{where}.projected.{kind} is not emulated"


def _container_faults(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    for name in _CONTAINER_FIELDS:
        if container.get(name):
            yield f"{name} is not emulated"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "ports.hostPort is not emulated"
    for mount in container.get("volumeMounts") or ():
        for name in ("subPathExpr", "mountPropagation"):
            if mount.get(name):
                yield f"volumeMounts[{mount['name']}].{name} is not emulated"
    for variable in container.get("env") or ():
        for fault in _source_faults(pod, variable.get("valueFrom") or {}):
            yield f"env[{variable['name']}].valueFrom.{fault}"


def _source_faults(pod: Mapping[str, Any], source: Mapping[str, Any]) -> Iterator[str]:
    for kind in source:
        if kind not in {"fieldRef", "secretKeyRef", "configMapKeyRef"}:
            yield f"{kind} is not emulated"
    path = (source.get("fieldRef") or {}).get("fieldPath")
    if path and field_value(pod, path) is None:
        yield f"fieldRef.fieldPath {path} is not emulated"
