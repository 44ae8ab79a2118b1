"""The field names of Jobs and pods in Kubernetes 1.36, so that a misspelt one is refused here as it is there.

Below what stands here (volumes' sources, probes, affinity …) anything goes: those parts are stored as they come.
Source: ``api/openapi-spec/v3`` of ``kubernetes/kubernetes``.
"""

from __future__ import annotations

from typing import Any, Final

_Schema = dict[str, Any]
_ANYTHING: Final[_Schema] = {"x-kubernetes-preserve-unknown-fields": True}
_STRING: Final[_Schema] = {"type": "string", "nullable": True}
_INTEGER: Final[_Schema] = {"type": "integer", "nullable": True}
_BOOLEAN: Final[_Schema] = {"type": "boolean", "nullable": True}
_MAP: Final[_Schema] = {"type": "object", "nullable": True, "additionalProperties": _STRING}


def _object(names: str, **known: _Schema) -> _Schema:
    """An object with exactly these fields; those in ``names`` may hold anything."""
    fields = dict.fromkeys(names.split(), _ANYTHING)
    return {"type": "object", "nullable": True, "properties": fields | known}


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "nullable": True, "items": items}


_ENV: Final = _object("valueFrom", name=_STRING, value=_STRING)
_MOUNT: Final = _object(
    "mountPropagation recursiveReadOnly subPath subPathExpr", name=_STRING, mountPath=_STRING, readOnly=_BOOLEAN
)
_SECURITY: Final = _object(
    "appArmorProfile procMount seLinuxOptions windowsOptions",
    allowPrivilegeEscalation=_BOOLEAN,
    capabilities=_object("", add=_list(_STRING), drop=_list(_STRING)),
    privileged=_BOOLEAN,
    readOnlyRootFilesystem=_BOOLEAN,
    runAsGroup=_INTEGER,
    runAsNonRoot=_BOOLEAN,
    runAsUser=_INTEGER,
    seccompProfile=_object("localhostProfile type"),
)
_CONTAINER: Final = _object(
    "lifecycle livenessProbe ports readinessProbe resizePolicy restartPolicyRules startupProbe volumeDevices",
    args=_list(_STRING),
    command=_list(_STRING),
    env=_list(_ENV),
    envFrom=_list(_object("configMapRef prefix secretRef")),
    image=_STRING,
    imagePullPolicy=_STRING,
    name=_STRING,
    resources=_object("claims limits requests"),
    restartPolicy=_STRING,
    securityContext=_SECURITY,
    stdin=_BOOLEAN,
    stdinOnce=_BOOLEAN,
    terminationMessagePath=_STRING,
    terminationMessagePolicy=_STRING,
    tty=_BOOLEAN,
    volumeMounts=_list(_MOUNT),
    workingDir=_STRING,
)
_POD_SECURITY: Final = _object(
    "appArmorProfile fsGroupChangePolicy seLinuxChangePolicy seLinuxOptions supplementalGroupsPolicy sysctls windowsOptions",
    fsGroup=_INTEGER,
    runAsGroup=_INTEGER,
    runAsNonRoot=_BOOLEAN,
    runAsUser=_INTEGER,
    seccompProfile=_object("localhostProfile type"),
    supplementalGroups=_list(_INTEGER),
)
_TOLERATION: Final = _object("effect key operator value", tolerationSeconds=_INTEGER)
_POD_SPEC: Final = _object(
    "affinity dnsConfig ephemeralContainers hostnameOverride os overhead preemptionPolicy readinessGates resourceClaims "
    "resources schedulingGates topologySpreadConstraints workloadRef",
    activeDeadlineSeconds=_INTEGER,
    automountServiceAccountToken=_BOOLEAN,
    containers=_list(_CONTAINER),
    dnsPolicy=_STRING,
    enableServiceLinks=_BOOLEAN,
    hostAliases=_list(_object("hostnames ip")),
    hostIPC=_BOOLEAN,
    hostNetwork=_BOOLEAN,
    hostPID=_BOOLEAN,
    hostUsers=_BOOLEAN,
    hostname=_STRING,
    imagePullSecrets=_list(_object("name")),
    initContainers=_list(_CONTAINER),
    nodeName=_STRING,
    nodeSelector=_MAP,
    priority=_INTEGER,
    priorityClassName=_STRING,
    restartPolicy=_STRING,
    runtimeClassName=_STRING,
    schedulerName=_STRING,
    securityContext=_POD_SECURITY,
    serviceAccount=_STRING,
    serviceAccountName=_STRING,
    setHostnameAsFQDN=_BOOLEAN,
    shareProcessNamespace=_BOOLEAN,
    subdomain=_STRING,
    terminationGracePeriodSeconds=_INTEGER,
    tolerations=_list(_TOLERATION),
    volumes=_list(_ANYTHING | {"type": "object"}),
)
_TEMPLATE: Final = _object("", metadata=_ANYTHING | {"type": "object", "nullable": True}, spec=_POD_SPEC)
_JOB_SPEC: Final = _object(
    "podFailurePolicy selector successPolicy",
    activeDeadlineSeconds=_INTEGER,
    backoffLimit=_INTEGER,
    backoffLimitPerIndex=_INTEGER,
    completionMode=_STRING,
    completions=_INTEGER,
    managedBy=_STRING,
    manualSelector=_BOOLEAN,
    maxFailedIndexes=_INTEGER,
    parallelism=_INTEGER,
    podReplacementPolicy=_STRING,
    suspend=_BOOLEAN,
    template=_TEMPLATE,
    ttlSecondsAfterFinished=_INTEGER,
)
_STATUS: Final = _ANYTHING | {"type": "object", "nullable": True}

JOB: Final = _object("apiVersion kind metadata", spec=_JOB_SPEC, status=_STATUS)
POD: Final = _object("apiVersion kind metadata", spec=_POD_SPEC, status=_STATUS)
