"""All that the node agent needs of the Kubernetes API, and nothing more.

The agent shares the process of the API and so its store; it does to it what the components of a real control plane do over
HTTP, with the same preconditions.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from kubelite.errors import APIError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kubelite.resources import Object
    from kubelite.store import ObjectStore
    from kubelite.watches import Watch

PODS: Final = "pods"
JOBS: Final = "jobs.batch"
EVENTS: Final = "events"
NODES: Final = "nodes"
SECRETS: Final = "secrets"
CONFIG_MAPS: Final = "configmaps"


class Refused(Exception):
    """The API refused to make an object; the message is the API's own."""


class Cluster:
    """The objects of ``store``. What is returned is the caller's own copy; an object that is gone is no error."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        try:
            return self._store.get(resource, namespace, name)
        except APIError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def create(self, resource: str, obj: Object) -> Object:
        """Makes ``obj``.

        Raises:
            Refused: its name is taken, its namespace is missing or ending, its service account is missing …
        """
        try:
            return self._store.create(resource, obj["metadata"].get("namespace"), obj)
        except APIError as error:
            raise Refused(error.message) from error

    def change(
        self, resource: str, obj: Object, change: Callable[[Object], None], *, subresource: str | None = None
    ) -> Object | None:
        """Applies ``change`` to the current version of ``obj`` (same uid) and writes it; None where it is gone."""
        current = self.get(resource, *key_of(obj))
        if current is None or uid_of(current) != uid_of(obj):
            return None
        change(current)
        return self._store.update(resource, *key_of(obj), current, subresource=subresource)

    def delete(self, resource: str, obj: Object, *, grace: int | None = None, propagation: str = "Background") -> None:
        """Deletes ``obj`` (same uid), if it is still there."""
        try:
            self._store.delete(resource, *key_of(obj), grace=grace, propagation=propagation, uid=uid_of(obj))
        except APIError as error:
            if error.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise

    def follow(self, resource: str) -> Watch:
        """What exists, as ADDED, then every change."""
        return self._store.watch(resource)

    def publish_logs(self, pod: Object, logs: Mapping[str, Path]) -> None:
        """Lets the API serve the files ``logs``, by container."""
        namespace, name = key_of(pod)
        self._store.logs.update({(namespace, name, container): path for container, path in logs.items()})

    def forget_logs(self, pod: Object, logs: Mapping[str, Path]) -> None:
        """The files are gone; entries that meanwhile belong to a pod of the same name stay."""
        namespace, name = key_of(pod)
        for container, path in logs.items():
            if self._store.logs.get((namespace, name, container)) == path:
                del self._store.logs[namespace, name, container]


def key_of(obj: Object) -> tuple[str, str]:
    """Namespace and name."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def uid_of(obj: Object) -> str:
    """The uid."""
    return str(obj["metadata"]["uid"])


def condition_holds(obj: Object, kind: str) -> bool:
    """Whether the object has the condition ``kind`` with status True."""
    conditions: list[dict[str, Any]] = (obj.get("status") or {}).get("conditions") or []
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)


def is_terminal(pod: Object) -> bool:
    """Whether the pod has ended for good."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
