"""The environment of a container: the image's variables, ``envFrom``, ``env``, and nothing that kubelite's own process has.

The rules are the kubelet's (``pkg/kubelet/kubelet_pods.go``, ``third_party/forked/golang/expansion``). One deviation, since
there are no mounts: a value that begins with one of the container's mount paths names the real folder instead.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from kubelite.images import ContainerWaits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_REFERENCE: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")
_KEYED_FIELD: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class Configuration(Protocol):
    """Where Secrets and ConfigMaps of a pod's namespace are read."""

    def secret(self, name: str) -> Mapping[str, Any] | None:
        """The Secret, or None where there is none."""
        ...

    def config_map(self, name: str) -> Mapping[str, Any] | None:
        """The ConfigMap, or None where there is none."""
        ...


def secret_data(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """The decoded ``data`` of a Secret; ``stringData`` that nobody folded in counts too."""
    data = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
    return data | {key: value.encode() for key, value in (secret.get("stringData") or {}).items()}


def config_map_data(config_map: Mapping[str, Any]) -> dict[str, bytes]:
    """The ``data`` and decoded ``binaryData`` of a ConfigMap."""
    data = {key: base64.b64decode(value) for key, value in (config_map.get("binaryData") or {}).items()}
    return data | {key: value.encode() for key, value in (config_map.get("data") or {}).items()}


def named_data(kind: str, source: Mapping[str, Any], configuration: Configuration) -> dict[str, bytes] | None:
    """The data of the Secret or ConfigMap that ``source`` names; None where it is optional and missing.

    Args:
        kind: ``secret`` or ``configmap``.
        source: an object with ``name`` (or ``secretName``) and ``optional``.
        configuration: where to look.

    Raises:
        ContainerWaits: it is missing (``CreateContainerConfigError``).
    """
    name = str(source.get("name") or source.get("secretName") or "")
    found = configuration.secret(name) if kind == "secret" else configuration.config_map(name)
    if found is not None:
        return secret_data(found) if kind == "secret" else config_map_data(found)
    if source.get("optional"):
        return None
    raise ContainerWaits("CreateContainerConfigError", f'{kind} "{name}" not found')


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced where NAME is known, ``$$`` by ``$``; anything else stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else variables.get(name, match.group(0))

    return _REFERENCE.sub(replacement, text)


def field_value(pod: Mapping[str, Any], path: str) -> str | None:
    """The downward API: the value of ``fieldRef.fieldPath``, or None for a path that is not served."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    plain = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": status.get("hostIP", "127.0.0.1"),
        "status.podIP": status.get("podIP", "127.0.0.1"),
    }
    if path in plain:
        return str(plain[path])
    match = _KEYED_FIELD.fullmatch(path)
    return None if match is None else str((metadata.get(match.group(1)) or {}).get(match.group(2), ""))


def real_path(text: str, mounts: Mapping[str, Path]) -> str:
    """``text`` with the longest mount path that it begins with replaced by the real folder."""
    for mount in sorted(mounts, key=len, reverse=True):
        if text == mount or text.startswith(mount.rstrip("/") + "/"):
            return str(mounts[mount]) + text[len(mount.rstrip("/")) :]
    return text


def variables_of(pod: Mapping[str, Any], container: Mapping[str, Any], configuration: Configuration) -> dict[str, str]:
    """The variables that the container declares, before mount paths are replaced; ``env`` wins over ``envFrom``.

    Raises:
        ContainerWaits: a Secret, ConfigMap or key is missing (``CreateContainerConfigError``).
    """
    declared: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        declared.update(_from_source(source, configuration))
    for variable in container.get("env") or ():
        value = _value(pod, variable, declared, configuration)
        if value is not None:
            declared[variable["name"]] = value
    return declared


def _from_source(source: Mapping[str, Any], configuration: Configuration) -> Iterable[tuple[str, str]]:
    kind, reference = ("secret", source["secretRef"]) if "secretRef" in source else ("configmap", source["configMapRef"])
    data = named_data(kind, reference, configuration) or {}
    prefix = source.get("prefix", "")
    return [(prefix + key, value.decode()) for key, value in sorted(data.items())]


def _value(
    pod: Mapping[str, Any], variable: Mapping[str, Any], known: Mapping[str, str], configuration: Configuration
) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return expand(variable.get("value") or "", known)
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"])
    kind, reference = (
        ("secret", source["secretKeyRef"]) if "secretKeyRef" in source else ("configmap", source["configMapKeyRef"])
    )
    data = named_data(kind, reference, configuration)
    if data is not None and reference["key"] in data:
        return data[reference["key"]].decode()
    if reference.get("optional"):
        return None
    title = "Secret" if kind == "secret" else "ConfigMap"
    where = f"{pod['metadata']['namespace']}/{reference['name']}"
    raise ContainerWaits("CreateContainerConfigError", f"couldn't find key {reference['key']} in {title} {where}")
