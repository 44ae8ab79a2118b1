"""What a platform team would install before the operator: namespaces, the CRD, the service account, the runner's secrets."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import yaml

from regen_stack.config import DATABASE_SECRET, ROOT, SERVICE_ACCOUNT, SIGNING_FIELD, SIGNING_SECRET, STORE_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kubelite.resources import Object
    from kubelite.store import ObjectStore
    from regen_stack.config import StackConfig
    from regen_stack.kube import Kube

CRDS: Final = ROOT / "crds"
_CRDS: Final = "customresourcedefinitions"
_CRD_RESOURCE: Final = "customresourcedefinitions.apiextensions.k8s.io"


def install(store: ObjectStore, config: StackConfig, database_url: str, store_environment: Mapping[str, str]) -> None:
    """Makes all of it in the embedded API.

    Args:
        store: the API's objects.
        config: the namespaces' names.
        database_url: the runner's own login.
        store_environment: the runner's ``AWS_*`` variables.
    """
    for resource, namespace, body in _objects(config, database_url, store_environment):
        store.create(_CRD_RESOURCE if resource == _CRDS else resource, namespace, body)


async def install_outside(kube: Kube, config: StackConfig, database_url: str, store_environment: Mapping[str, str]) -> None:
    """The same in a cluster that is not ours, in namespaces that must not exist yet; a CRD that is there stays as it is.

    Raises:
        KubeRefused: the cluster refuses an object, or a namespace exists.
    """
    for resource, namespace, body in _objects(config, database_url, store_environment):
        if resource == _CRDS and await kube.find(resource, None, body["metadata"]["name"]):
            continue
        await kube.create(resource, namespace, body)


async def remove_outside(kube: Kube, config: StackConfig) -> None:
    """Deletes the namespaces, with all that is in them."""
    for name in (config.runner_namespace, config.namespace):
        await kube.delete("namespaces", None, name)


def _objects(
    config: StackConfig, database_url: str, store_environment: Mapping[str, str]
) -> Iterator[tuple[str, str | None, Object]]:
    """Resource, namespace and object, in the order in which they can be made."""
    for definition in _definitions(CRDS):
        yield _CRDS, None, definition
    runs = config.runner_namespace
    yield "namespaces", None, _object("Namespace", config.namespace)
    restricted = {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    yield "namespaces", None, _object("Namespace", runs, metadata=restricted)
    yield "serviceaccounts", runs, {**_object("ServiceAccount", SERVICE_ACCOUNT), "automountServiceAccountToken": False}
    yield "secrets", runs, _secret(DATABASE_SECRET, {"url": database_url})
    yield "secrets", runs, _secret(STORE_SECRET, store_environment)
    if config.signing_key is not None:
        yield "secrets", runs, _secret(SIGNING_SECRET, {SIGNING_FIELD: config.signing_key})


def _object(kind: str, name: str, metadata: Mapping[str, Any] | None = None) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **(metadata or {})}}


def _secret(name: str, data: Mapping[str, str]) -> Object:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {**_object("Secret", name), "data": encoded}


def _definitions(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document and document.get("kind") == "CustomResourceDefinition":
                yield document
