"""Deletion as Kubernetes does it: preconditions, grace, finalizers, owners and namespaces.

What the garbage collector of a real cluster does some milliseconds later happens here within the same call, in the same
order of events. Source: ``apiserver/pkg/registry/generic/registry/store.go``, ``pkg/controller/garbagecollector``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from kubelite.errors import conflict
from kubelite.resources import CRDS, from_definition

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubelite.records import Records
    from kubelite.resources import Object, Resource
    from kubelite.watches import Stored

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
CRD_CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"
_POLICY_FINALIZERS: Final = {"Foreground": FOREGROUND, "Orphan": ORPHAN}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What a caller may say about a deletion. ``grace`` is in seconds; ``propagation`` is one of Kubernetes' three words."""

    grace: int | None = None
    propagation: str | None = None
    uid: str | None = None
    resource_version: str | None = None


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as ``metav1.Time`` is written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Deletion:
    """Deletes from ``records``, by the clock ``now``."""

    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now
        self._busy: set[str] = set()

    def delete(self, resource: Resource, found: Stored, options: DeleteOptions) -> tuple[Stored, bool]:
        """Deletes at once or begins to: the last version, and whether the object is gone.

        Raises:
            APIError: 409 where a precondition (uid, resourceVersion) does not hold.
        """
        self.check(resource, found, options)
        obj: Object = json.loads(found.raw)
        changed = self._mark(resource, obj, options)
        if self._may_go(resource, obj):
            return self._remove(resource, obj), True
        if not changed:
            return found, False
        version = self._records.put(resource, obj)
        self._advance(version.value["metadata"]["uid"])
        return version, False

    def check(self, resource: Resource, found: Stored, options: DeleteOptions) -> None:
        """Raises 409 unless the preconditions hold for ``found``."""
        uid = found.value["metadata"]["uid"]
        if options.uid not in {None, uid}:
            why = (
                f"the UID in the precondition ({options.uid}) does not match the UID in record ({uid}). "
                "The object might have been deleted and then recreated"
            )
            raise conflict(resource, found.name, why)
        if options.resource_version not in {None, str(found.revision)}:
            why = (
                f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
                f"the ResourceVersion in record ({found.revision}). The object might have been modified"
            )
            raise conflict(resource, found.name, why)

    def settle(self, resource: Resource, version: Stored) -> None:
        """After an object was made or its owners changed: collects it where all its owners are gone."""
        if version.value["metadata"].get("ownerReferences"):
            self._judge(resource, version)

    def finish(self, resource: Resource, obj: Object) -> Stored | None:
        """Removes the object where ``obj``, its next version, is being deleted and nothing holds it any more."""
        return self._remove(resource, obj) if self._may_go(resource, obj) else None

    def _mark(self, resource: Resource, obj: Object, options: DeleteOptions) -> bool:
        """Writes deletionTimestamp, grace and the policy's finalizer into ``obj``; whether anything changed."""
        meta = obj["metadata"]
        before = json.dumps(meta)
        self._mark_policy(resource, meta, options.propagation)
        grace = _grace(resource, obj, options.grace)
        if "deletionTimestamp" not in meta or grace < meta["deletionGracePeriodSeconds"]:
            if "deletionTimestamp" not in meta and "generation" in meta:
                meta["generation"] += 1
            meta["deletionTimestamp"] = timestamp(self._now() + timedelta(seconds=grace))
            meta["deletionGracePeriodSeconds"] = grace
            if resource.key == "namespaces":
                obj["status"] = {"phase": "Terminating"}
        return json.dumps(meta) != before

    def _mark_policy(self, resource: Resource, meta: dict[str, Any], propagation: str | None) -> None:
        finalizers: list[str] = meta.pop("finalizers", None) or []
        if propagation is None and not {FOREGROUND, ORPHAN} & set(finalizers):
            # the only kind whose version still has the old default
            propagation = "Orphan" if resource.key == "jobs.batch" else "Background"
        if propagation is not None:
            finalizers = [name for name in finalizers if name not in {FOREGROUND, ORPHAN}]
            finalizers += [_POLICY_FINALIZERS[propagation]] if propagation in _POLICY_FINALIZERS else []
        if finalizers:
            meta["finalizers"] = finalizers

    def _may_go(self, resource: Resource, obj: Object) -> bool:
        meta = obj["metadata"]
        if "deletionTimestamp" not in meta or meta.get("finalizers") or meta["deletionGracePeriodSeconds"] > 0:
            return False
        return resource.key != "namespaces" or self._is_empty(meta["name"])

    def _is_empty(self, namespace: str) -> bool:
        return not any(self._records.count(kind, namespace) for kind in self._records.registry if kind.namespaced)

    def _remove(self, resource: Resource, obj: Object) -> Stored:
        last = self._records.drop(resource, obj)
        meta = last.value["metadata"]
        if resource.key == CRDS:
            served = from_definition(last.value).key
            self._records.registry.remove(served)
            self._records.hub.close(served)
        for kind, dependent in self._records.dependents(meta["uid"]):
            self._judge(kind, dependent)
        for reference in meta.get("ownerReferences") or ():
            self._advance(reference["uid"])
        self._release(resource, last)
        return last

    def _release(self, resource: Resource, last: Stored) -> None:
        """Lets a namespace or a definition go that waited for ``last``."""
        if last.namespace:
            self._resume("namespaces", last.namespace)
        if resource.custom:
            self._resume(CRDS, resource.key)

    def _resume(self, key: str, name: str) -> None:
        kind = self._records.registry.get(key)
        version = kind and self._records.read(kind, "", name)
        if kind and version and "deletionTimestamp" in version.value["metadata"]:
            self._advance(version.value["metadata"]["uid"])

    def _advance(self, uid: str) -> None:
        """Does what the object's deletion waits for, and removes the object where nothing is left to wait for."""
        place = self._records.holder(uid)
        if uid in self._busy or place is None or "deletionTimestamp" not in place[1].value["metadata"]:
            return
        self._busy.add(uid)  # each of many dependents that go comes back here: the first call sees to them all
        try:
            self._work_off(*place)
        finally:
            self._busy.discard(uid)

    def _work_off(self, resource: Resource, version: Stored) -> None:
        uid = version.value["metadata"]["uid"]
        finalizers = set(version.value["metadata"].get("finalizers") or ())
        if ORPHAN in finalizers:
            self._orphan(uid)
            self._take_finalizer(resource, uid, ORPHAN)
        elif FOREGROUND in finalizers and not self._delete_blocking(uid):
            self._take_finalizer(resource, uid, FOREGROUND)
        elif CRD_CLEANUP in finalizers and not self._delete_all(from_definition(version.value).key):
            self._take_finalizer(resource, uid, CRD_CLEANUP)
        elif resource.key == "namespaces":
            self._empty(version)

    def _take_finalizer(self, resource: Resource, uid: str, finalizer: str) -> None:
        place = self._records.holder(uid)
        if place is None or finalizer not in (place[1].value["metadata"].get("finalizers") or ()):
            return
        obj: Object = json.loads(place[1].raw)
        obj["metadata"]["finalizers"].remove(finalizer)
        if self.finish(resource, obj) is None:
            self._records.put(resource, obj)

    def _orphan(self, uid: str) -> None:
        for kind, dependent in self._records.dependents(uid):
            self._cut(kind, dependent, {uid})

    def _cut(self, resource: Resource, dependent: Stored, owners: set[str]) -> None:
        obj: Object = json.loads(dependent.raw)
        kept = [reference for reference in obj["metadata"].pop("ownerReferences") if reference["uid"] not in owners]
        if kept:
            obj["metadata"]["ownerReferences"] = kept
        self._records.put(resource, obj)

    def _delete_blocking(self, uid: str) -> bool:
        """Deletes the dependents that a foreground deletion waits for; whether any is still there."""
        for kind, dependent in self._blocking(uid):
            if "deletionTimestamp" not in dependent.value["metadata"]:
                self._judge(kind, dependent)
        return bool(self._blocking(uid))

    def _blocking(self, uid: str) -> list[tuple[Resource, Stored]]:
        def blocks(dependent: Stored) -> bool:
            references = dependent.value["metadata"]["ownerReferences"]
            return any(reference["uid"] == uid and reference.get("blockOwnerDeletion") for reference in references)

        return [(kind, dependent) for kind, dependent in self._records.dependents(uid) if blocks(dependent)]

    def _judge(self, resource: Resource, dependent: Stored) -> None:
        """Deletes ``dependent`` unless an owner lives on; then only its references to the others go."""
        owners = {reference["uid"] for reference in dependent.value["metadata"].get("ownerReferences") or ()}
        gone = {uid for uid in owners if not self._lives(uid, dependent.namespace)}
        if not gone or "deletionTimestamp" in dependent.value["metadata"]:
            return
        if gone != owners:
            self._cut(resource, dependent, gone)
            return
        foreground = any(self._records.holder(uid) for uid in gone) and self._records.dependents(
            dependent.value["metadata"]["uid"]
        )
        self.delete(resource, dependent, DeleteOptions(propagation="Foreground" if foreground else "Background"))

    def _lives(self, uid: str, namespace: str) -> bool:
        place = self._records.holder(uid)
        if place is None or place[1].namespace not in {"", namespace}:
            return False
        meta = place[1].value["metadata"]
        return "deletionTimestamp" not in meta or FOREGROUND not in (meta.get("finalizers") or ())

    def _delete_all(self, key: str, namespace: str | None = None) -> bool:
        """Deletes every object of the resource; whether any is still there."""
        kind = self._records.registry.get(key)
        if kind is None:
            return False
        for version in self._records.select(kind, namespace):
            current = self._records.read(kind, version.namespace, version.name)
            if current and "deletionTimestamp" not in current.value["metadata"]:
                self.delete(kind, current, DeleteOptions(propagation="Background"))
        return self._records.count(kind, namespace) > 0

    def _empty(self, namespace: Stored) -> None:
        for kind in [kind for kind in self._records.registry if kind.namespaced]:
            self._delete_all(kind.key, namespace.name)
        place = self._records.holder(namespace.value["metadata"]["uid"])
        if place is not None and self._is_empty(namespace.name):
            self._remove(place[0], json.loads(place[1].raw))


def _grace(resource: Resource, obj: Object, asked: int | None) -> int:
    """Seconds of grace: only pods that a node runs have any (``podStrategy.CheckGracefulDelete``)."""
    if resource.key != "pods" or not obj["spec"].get("nodeName"):
        return 0
    if obj.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    grace = obj["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked
    return int(grace) if grace >= 0 else 1
