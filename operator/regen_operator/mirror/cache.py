"""What we last heard of the custom resources: a hint that saves writes. A list makes it true again every minute.

It holds no spec: a thousand objects are a few megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regen_core.names import ANNOTATION_JOB_ID, LABEL_MANAGED_BY, MANAGED_BY
from regen_operator.kube.views import moment
from regen_operator.mirror.resource import is_reserved
from regen_operator.mirror.status import is_refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from regen_operator.rows.values import JobFacts

Json = dict[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One custom resource. ``job_id`` is None for an object made by hand that has no row yet."""

    namespace: str
    name: str
    uid: str
    revision: int
    is_mirror: bool
    job_id: str | None
    deleting: bool
    refused: bool
    created_at: datetime
    status: Json

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    def is_expired(self, facts: JobFacts, ttl_seconds: float) -> bool:
        """Whether an object made by hand has told its job's end for its TTL; applied anew, it tells it for another."""
        ended = facts.row.completed_at
        return ended is not None and (facts.now - max(ended, self.created_at)).total_seconds() > ttl_seconds


def read_entry(body: Mapping[str, Any], home: str) -> Entry:
    """The entry of an object. A mirror is ours by namespace, name and label; any other object was made by hand."""
    metadata, status = body["metadata"], body.get("status") or {}
    annotated = (metadata.get("annotations") or {}).get(ANNOTATION_JOB_ID)
    is_mirror = (
        metadata["namespace"] == home
        and is_reserved(metadata["name"])
        and (metadata.get("labels") or {}).get(LABEL_MANAGED_BY) == MANAGED_BY
        and annotated is not None
    )
    return Entry(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        revision=int(metadata.get("resourceVersion") or 0),
        is_mirror=is_mirror,
        job_id=annotated if is_mirror else status.get("jobId"),
        deleting="deletionTimestamp" in metadata,
        refused=is_refused(status),
        created_at=moment(metadata["creationTimestamp"]),
        status=status,
    )


class MirrorCache:
    """Entries by namespace and name. Older news never replaces newer (resourceVersions are ordered)."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._entries: dict[Key, Entry] = {}
        self.synced = False
        """Whether a whole list was read once."""

    def __len__(self) -> int:
        return len(self._entries)

    def observe(self, body: Mapping[str, Any]) -> Entry:
        """Takes an object as the API gave it; the entry that holds now."""
        entry = read_entry(body, self._home)
        known = self._entries.get(entry.key)
        if known is not None and known.revision > entry.revision:
            return known
        self._entries[entry.key] = entry
        return entry

    def forget(self, namespace: str, name: str, uid: str) -> None:
        """Drops the object with this uid, and no other of its name."""
        known = self._entries.get((namespace, name))
        if known is not None and known.uid == uid:
            del self._entries[namespace, name]

    def replace(self, namespace: str, bodies: Iterable[Entry], revision: int) -> None:
        """Takes a whole list of a namespace, read at ``revision``; what is newer stays."""
        listed = {entry.key: entry for entry in bodies}
        for key, known in list(self._entries.items()):
            if key[0] == namespace and key not in listed and known.revision <= revision:
                del self._entries[key]
        for key, entry in listed.items():
            newer = self._entries.get(key)
            if newer is None or newer.revision <= entry.revision:
                self._entries[key] = entry

    def mirrors(self) -> dict[str, Entry]:
        """Our mirrors by job id."""
        return {entry.job_id: entry for entry in self._entries.values() if entry.is_mirror and entry.job_id is not None}

    def by_hand(self) -> list[Entry]:
        """Objects made by hand."""
        return [entry for entry in self._entries.values() if not entry.is_mirror]
