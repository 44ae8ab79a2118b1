"""A pod's folder on this machine: its volumes as real folders, its logs and its termination messages.

``<root>/<pod uid>/volumes/<volume>``, ``…/logs/<container>``, ``…/termination/<container>``, ``…/cwd/<container>``. All of it
goes with the pod. What a mount would add is not emulated: ``readOnly``, ``sizeLimit`` and ``medium`` are accepted and ignored.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

from kubelite.environment import field_value, named_data
from kubelite.images import ContainerWaits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kubelite.environment import Configuration

_DEFAULT_MODE: Final = 0o644


class PodFolder:
    """The folder of one pod beneath ``root``."""

    def __init__(self, root: Path, uid: str) -> None:
        self.path = root / uid

    def create(self, pod: Mapping[str, Any]) -> None:
        """Makes the folder and those of its containers."""
        spec = pod["spec"]
        for folder in ("volumes", "logs", "termination"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
            self.working_folder(container["name"]).mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        """Removes all of it. Safe to repeat."""
        shutil.rmtree(self.path, ignore_errors=True)

    def working_folder(self, container: str) -> Path:
        """The working folder of a container that names none; empty, where an image would have its root."""
        return self.path / "cwd" / container

    def log(self, container: str) -> Path:
        """What the container wrote to its standard output and error, in order."""
        return self.path / "logs" / container

    def termination_log(self, container: str) -> Path:
        """What the kubelet would mount at ``terminationMessagePath``."""
        return self.path / "termination" / container

    def fill(self, pod: Mapping[str, Any], configuration: Configuration) -> None:
        """Makes every volume of the pod.

        Raises:
            ContainerWaits: a Secret, ConfigMap or key is missing; what was made stays and is written again next time.
        """
        for volume in pod["spec"].get("volumes") or ():
            folder = self.path / "volumes" / volume["name"]
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)  # as the kubelet's emptyDir
            for source, mode in _sources(volume):
                for name, content in _files(pod, source, configuration).items():
                    file = folder / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
                    file.chmod(mode)

    def mounts(self, container: Mapping[str, Any]) -> dict[str, Path]:
        """Mount path → real folder, for one container."""
        mounts: dict[str, Path] = {}
        for mount in container.get("volumeMounts") or ():
            folder = self.path / "volumes" / mount["name"] / mount.get("subPath", "")
            if mount.get("subPath"):
                folder.mkdir(parents=True, exist_ok=True)
            mounts[mount["mountPath"]] = folder
        return mounts


def _sources(volume: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], int]]:
    """The parts of a volume that bring files, each as ``{kind: source}`` with the mode of its files."""
    projected = volume.get("projected")
    if projected is not None:
        mode = projected.get("defaultMode", _DEFAULT_MODE)
        return [(source, mode) for source in projected.get("sources") or ()]
    kinds = ("secret", "configMap", "downwardAPI")
    return [({kind: volume[kind]}, volume[kind].get("defaultMode", _DEFAULT_MODE)) for kind in kinds if kind in volume]


def _files(pod: Mapping[str, Any], source: Mapping[str, Any], configuration: Configuration) -> dict[str, bytes]:
    downward = source.get("downwardAPI")
    if downward is not None:
        items = downward.get("items") or ()
        return {item["path"]: (field_value(pod, item["fieldRef"]["fieldPath"]) or "").encode() for item in items}
    kind = "secret" if "secret" in source else "configmap"
    reference = source.get("secret") or source.get("configMap") or {}
    data = named_data(kind, reference, configuration)
    if data is None or not reference.get("items"):
        return data or {}
    missing = [item["key"] for item in reference["items"] if item["key"] not in data]
    if missing and not reference.get("optional"):
        raise ContainerWaits("CreateContainerConfigError", f"references non-existent {kind} key: {missing[0]}")
    return {item["path"]: data[item["key"]] for item in reference["items"] if item["key"] in data}
