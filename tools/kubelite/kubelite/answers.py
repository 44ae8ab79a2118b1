"""The bytes of an answer: an object, a list or a watch event, as JSON, as a table or as bare metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubelite import event_views, tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kubelite.requests import Target
    from kubelite.resources import Object
    from kubelite.watches import Stored, WatchEvent


def dump(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes what ``target`` shows in one form: ``JSON``, ``Table`` or ``PartialObjectMetadata``.

    ``include`` is what a table's rows carry: None, Metadata or Object.
    """

    target: Target
    form: str
    now: datetime
    include: str = "Metadata"

    @property
    def _plain(self) -> bool:
        return self.form == "JSON" and self.target.shown is self.target.stored

    def shown(self, obj: Object) -> Object:
        """The object under the names of the path's resource."""
        return obj if self.target.shown is self.target.stored else event_views.newer(obj)

    def object(self, obj: Object) -> bytes:
        """One object."""
        if self.form == "Table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return dump(tables.table(self.target.stored, [obj], meta, self.now, self.include))
        return dump(tables.partial(obj) if self.form == "PartialObjectMetadata" else self.shown(obj))

    def version(self, found: Stored) -> bytes:
        """One object as stored, from its bytes where they serve."""
        return found.raw if self._plain else self.object(found.value)

    def list(self, found: Sequence[Stored], meta: Mapping[str, Any]) -> bytes:
        """A list. As in Kubernetes, the items of built-in kinds do not repeat their apiVersion and kind."""
        kind = self.target.shown
        if self.form == "Table":
            return dump(tables.table(self.target.stored, [item.value for item in found], meta, self.now, self.include))
        if self.form == "PartialObjectMetadata":
            partial = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
            return dump(partial | {"items": [tables.partial(item.value) for item in found]})
        items = [item.raw if self._plain else dump(self.shown(item.value)) for item in found]
        if not kind.custom:
            head = dump({"apiVersion": kind.api_version, "kind": kind.kind})[:-1] + b","
            items = [b"{" + item.removeprefix(head) if item.startswith(head) else item for item in items]
        start = dump({"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta})
        return start[:-1] + b',"items":[' + b",".join(items) + b"]}"

    def event(self, event: WatchEvent) -> bytes:
        """A line of a watch."""
        if self._plain:
            return event.frame
        return b'{"type":"%s","object":%s}\n' % (event.kind.encode(), self.version(event.stored))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        """A line that says only how far the watch has come."""
        meta: dict[str, Any] = {"resourceVersion": str(revision)}
        if initial_end:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        kind = self.target.shown
        mark: Object = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta | {"creationTimestamp": None}}
        if self.form == "Table":
            mark = tables.table(self.target.stored, [], meta, self.now, self.include)
        elif self.form == "PartialObjectMetadata":
            mark = tables.partial(mark)
        return dump({"type": "BOOKMARK", "object": mark}) + b"\n"
