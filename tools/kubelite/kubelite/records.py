"""Objects in memory: one counter of revisions, one dict per resource, an index of owners, and a change per write.

Nothing here knows a rule of Kubernetes; ``store`` and ``deletion`` do.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from kubelite.resources import Registry
from kubelite.watches import ADDED, DELETED, MODIFIED, Change, Stored, WatchEvent, WatchHub, stored

if TYPE_CHECKING:
    from kubelite.resources import Object, Resource

FIRST_REVISION: Final = 1000
"""A real cluster's first objects are made before anybody looks; revision 1 is too old to watch from there, and here."""


class Records:
    """The versions of all objects that exist now.

    Args:
        keep: changes remembered per resource for watches that resume.
    """

    def __init__(self, keep: int) -> None:
        self.registry = Registry()
        self.revision = FIRST_REVISION
        self.hub = WatchHub(keep, FIRST_REVISION)
        self._objects: defaultdict[str, dict[tuple[str, str], Stored]] = defaultdict(dict)
        self._holders: dict[str, tuple[str, str, str]] = {}
        self._dependents: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def read(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """The current version, if the object exists."""
        return self._objects[resource.key].get((namespace, name))

    def select(self, resource: Resource, namespace: str | None = None) -> list[Stored]:
        """Every object of ``resource`` (in ``namespace``), ordered by namespace and name as etcd's keys are."""
        found = self._objects[resource.key].items()
        return [version for key, version in sorted(found, key=lambda item: item[0]) if not namespace or key[0] == namespace]

    def count(self, resource: Resource, namespace: str | None = None) -> int:
        """How many there are."""
        return sum(1 for key in self._objects[resource.key] if not namespace or key[0] == namespace)

    def holder(self, uid: str) -> tuple[Resource, Stored] | None:
        """The object with that uid."""
        place = self._holders.get(uid)
        resource = place and self.registry.get(place[0])
        if not place or not resource:
            return None
        version = self.read(resource, place[1], place[2])
        return (resource, version) if version else None

    def dependents(self, uid: str) -> list[tuple[Resource, Stored]]:
        """Every object with an owner reference to ``uid``."""
        found = (self.holder(dependent) for dependent in self._dependents.get(uid, ()))
        return [place for place in found if place is not None]

    def put(self, resource: Resource, obj: Object) -> Stored:
        """Commits ``obj``, which becomes the records' own, as a new version; watches see it."""
        self.revision += 1
        version = stored(obj, self.revision)
        before = self.read(resource, version.namespace, version.name)
        self._objects[resource.key][version.namespace, version.name] = version
        self._index(resource, before, version)
        kind = MODIFIED if before else ADDED
        self.hub.publish(resource.key, Change(WatchEvent(kind, version), before))
        return version

    def drop(self, resource: Resource, obj: Object) -> Stored:
        """Removes the object of ``obj``'s name; ``obj`` is its last state, which watches see with the deletion's revision."""
        self.revision += 1
        version = stored(obj, self.revision)
        before = self._objects[resource.key].pop((version.namespace, version.name))
        self._index(resource, before, None)
        self.hub.publish(resource.key, Change(WatchEvent(DELETED, version), before))
        return version

    def _index(self, resource: Resource, before: Stored | None, after: Stored | None) -> None:
        if before:
            uid = before.value["metadata"]["uid"]
            self._holders.pop(uid, None)
            for reference in before.value["metadata"].get("ownerReferences") or ():
                self._dependents[reference["uid"]].pop(uid, None)
                if not self._dependents[reference["uid"]]:
                    del self._dependents[reference["uid"]]
        if after:
            uid = after.value["metadata"]["uid"]
            self._holders[uid] = (resource.key, after.namespace, after.name)
            for reference in after.value["metadata"].get("ownerReferences") or ():
                self._dependents[reference["uid"]][uid] = None
