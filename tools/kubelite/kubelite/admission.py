"""What the API server itself does to metadata and to built-in kinds: names, labels, defaults, immutable fields.

Only what a Job, its pods and our own objects run into; source: ``pkg/apis/batch``, ``pkg/apis/core`` (validation, defaults)
and ``apimachinery/pkg/api/validation``.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

from kubelite.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubelite.resources import Object, Resource

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_MAX_ANNOTATIONS: Final = 256 * 1024
_IMMUTABLE_JOB_FIELDS: Final = (
    "selector",
    "template",
    "completions",
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
)
_MUTABLE_POD_FIELDS: Final = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")


def invalid_value(field: str, value: Any, why: str) -> FieldError:
    """A wrong value, quoted as Kubernetes quotes it."""
    return FieldError(field, "FieldValueInvalid", f"{json.dumps(value)}: {why}")


def metadata_errors(resource: Resource, obj: Object) -> Iterator[FieldError]:
    """Wrong names, labels, annotations, finalizers and owner references."""
    meta = obj["metadata"]
    yield from _name_errors(resource, meta["name"])
    for key, value in (meta.get("labels") or {}).items():
        yield from _key_errors("metadata.labels", key)
        if not isinstance(value, str) or len(value) > 63 or (value and not _QUALIFIED.fullmatch(value)):
            why = (
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
                "of at most 63 characters, and must start and end with an alphanumeric character"
            )
            yield invalid_value("metadata.labels", value, why)
    for key in meta.get("annotations") or {}:
        yield from _key_errors("metadata.annotations", key.lower())
    if sum(len(key) + len(str(value)) for key, value in (meta.get("annotations") or {}).items()) > _MAX_ANNOTATIONS:
        yield FieldError("metadata.annotations", "FieldValueTooLong", f"may not be more than {_MAX_ANNOTATIONS} bytes")
    yield from _owner_errors(meta.get("ownerReferences") or ())


def _name_errors(resource: Resource, name: str) -> Iterator[FieldError]:
    if resource.key == "namespaces":
        if len(name) > 63 or not _LABEL.fullmatch(name):
            yield invalid_value(
                "metadata.name", name, "a lowercase RFC 1123 label must consist of at most 63 of a-z, 0-9 and '-'"
            )
    elif len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        why = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        yield invalid_value("metadata.name", name, why)
    elif resource.key == "jobs.batch" and len(name) > 63:
        # the name becomes a label of the pods
        yield invalid_value("spec.template.labels", name, "must be no more than 63 characters")


def _key_errors(field: str, key: str) -> Iterator[FieldError]:
    prefix, slash, name = key.rpartition("/")
    right_prefix = not slash or (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix))
    if not right_prefix or len(name) > 63 or not _QUALIFIED.fullmatch(name):
        yield invalid_value(field, key, "name part must consist of at most 63 alphanumeric characters, '-', '_' or '.'")


def _owner_errors(references: Any) -> Iterator[FieldError]:
    for index, reference in enumerate(references):
        for key in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(key):
                yield FieldError(f"metadata.ownerReferences[{index}].{key}", "FieldValueRequired", "must not be empty")
    if sum(bool(reference.get("controller")) for reference in references) > 1:
        yield invalid_value("metadata.ownerReferences", len(references), "Only one reference can have Controller set to true")


def set_defaults(resource: Resource, obj: Object) -> None:
    """Fills in what the API server fills in when an object of a built-in kind is created, its first status included."""
    if resource.key == "jobs.batch":
        _default_job(obj)
    elif resource.key == "pods":
        _default_pod(obj)
    elif resource.key == "namespaces":
        obj["spec"] = {"finalizers": ["kubernetes"]}
        obj["status"] = {"phase": "Active"}
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    elif resource.key == "secrets":
        _default_secret(obj)


def set_update_defaults(resource: Resource, obj: Object) -> None:
    """The same for a replacement: what its writer left out is filled in before it is compared with the old version."""
    if resource.key == "jobs.batch":
        _default_job_spec(obj["spec"])
    elif resource.key == "pods":
        _default_pod_spec(obj["spec"])
    elif resource.key == "secrets":
        _default_secret(obj)


def _default_secret(secret: Object) -> None:
    secret.setdefault("type", "Opaque")
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _default_job(obj: Object) -> None:
    spec, meta = obj["spec"], obj["metadata"]
    identity = {"batch.kubernetes.io/controller-uid": meta["uid"], "batch.kubernetes.io/job-name": meta["name"]}
    old_names = {"controller-uid": meta["uid"], "job-name": meta["name"]}
    if not spec.get("manualSelector"):
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}
        template_meta = spec["template"].setdefault("metadata", {})
        template_meta["labels"] = (template_meta.get("labels") or {}) | identity | old_names
    _default_job_spec(spec)
    obj["status"] = {}


def _default_job_spec(spec: dict[str, Any]) -> None:
    if "parallelism" not in spec:  # a parallelism alone means a work queue, which has no number of completions
        spec.setdefault("completions", 1)
    spec.setdefault("parallelism", 1)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("suspend", False)
    failure_policy = "podFailurePolicy" in spec
    spec.setdefault("podReplacementPolicy", "Failed" if failure_policy else "TerminatingOrFailed")
    _default_pod_spec(spec["template"]["spec"])


def _default_pod(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("restartPolicy", "Always")
    _default_pod_spec(spec)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(toleration.get("key") in {key, None} for toleration in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    obj["status"] = {"phase": "Pending", "qosClass": _qos_class(spec)}


def _default_pod_spec(spec: dict[str, Any]) -> None:
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    for container in _containers(spec):
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        tag = container.get("image", "").rpartition("/")[2].partition(":")[2]
        container.setdefault("imagePullPolicy", "IfNotPresent" if tag not in {"", "latest"} else "Always")
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")
        resources = container["resources"]
        if resources.get("limits"):
            resources["requests"] = resources["limits"] | (resources.get("requests") or {})


def _containers(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _qos_class(spec: Mapping[str, Any]) -> str:
    resources = [container.get("resources") or {} for container in _containers(spec)]
    if not any(entry.get("requests") or entry.get("limits") for entry in resources):
        return "BestEffort"
    guaranteed = all(
        {"cpu", "memory"} <= set(entry.get("limits") or ()) and entry["limits"] == entry.get("requests") for entry in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"


def creation_errors(resource: Resource, obj: Object) -> Iterator[FieldError]:
    """What is wrong with a new object of a built-in kind."""
    if resource.key == "jobs.batch":
        template = _mapping(_mapping(_mapping(obj.get("spec")).get("template")).get("spec"))
        yield from _pod_spec_errors(template, "spec.template.spec")
        policy = template.get("restartPolicy")
        if policy not in {"Never", "OnFailure"}:
            yield FieldError(
                "spec.template.spec.restartPolicy",
                "FieldValueNotSupported" if policy else "FieldValueRequired",
                f'{json.dumps(policy)}: supported values: "OnFailure", "Never"'
                if policy
                else 'valid values: "OnFailure", "Never"',
            )
    elif resource.key == "pods":
        yield from _pod_spec_errors(_mapping(obj.get("spec")), "spec")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _pod_spec_errors(spec: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    if not spec.get("containers"):
        yield FieldError(f"{path}.containers", "FieldValueRequired")
    names: set[str] = set()
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for group in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(group) or ()):
            here = f"{path}.{group}[{index}]"
            name = container.get("name", "")
            if not name:
                yield FieldError(f"{here}.name", "FieldValueRequired")
            elif name in names:
                yield FieldError(f"{here}.name", "FieldValueDuplicate", json.dumps(name))
            elif len(name) > 63 or not _LABEL.fullmatch(name):
                yield invalid_value(f"{here}.name", name, "a lowercase RFC 1123 label must consist of a-z, 0-9 and '-'")
            names.add(name)
            if not container.get("image"):
                yield FieldError(f"{here}.image", "FieldValueRequired")
            for number, mount in enumerate(container.get("volumeMounts") or ()):
                if mount.get("name") not in volumes:
                    text = json.dumps(mount.get("name"))
                    yield FieldError(
                        f"{here}.volumeMounts[{number}].name", "FieldValueInvalid", f"{text}: not found in volumes"
                    )


def update_errors(resource: Resource, old: Object, new: Object) -> Iterator[FieldError]:
    """What a new version of an object may not change."""
    if resource.key == "jobs.batch":
        for name in _IMMUTABLE_JOB_FIELDS:
            if old["spec"].get(name) != new["spec"].get(name):
                yield invalid_value(f"spec.{name}", new["spec"].get(name), "field is immutable")
    elif resource.key == "pods" and _fixed_pod_spec(old) != _fixed_pod_spec(new):
        why = (
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        yield FieldError("spec", "FieldValueForbidden", why)
    elif resource.key == "secrets" and old.get("type") != new.get("type"):
        yield invalid_value("type", new.get("type"), "field is immutable")
    if resource.key in {"secrets", "configmaps"} and old.get("immutable"):
        for name in ("data", "binaryData", "immutable"):
            if old.get(name) != new.get(name):
                yield FieldError(name, "FieldValueForbidden", "field is immutable when `immutable` is set")


def _fixed_pod_spec(pod: Object) -> dict[str, Any]:
    spec = {key: value for key, value in pod["spec"].items() if key not in _MUTABLE_POD_FIELDS}
    for group in ("containers", "initContainers"):
        spec[group] = [{key: value for key, value in item.items() if key != "image"} for item in spec.get(group) or ()]
    return spec
