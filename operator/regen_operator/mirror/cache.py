"""A cache of the custom resources without their specs, to save writes. A list corrects it every minute."""

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
    """One custom resource.

    Attributes:
        namespace: its namespace.
        name: its name.
        uid: its uid.
        revision: its resourceVersion, as a number.
        generation: its ``metadata.generation``.
        is_mirror: whether the operator created it from a row.
        job_id: the row's id; None for a user-created resource without a row.
        deleting: whether it is being deleted.
        refused: whether it was refused.
        created_at: when it was created, by the API server's clock.
        status: its status.
    """

    namespace: str
    name: str
    uid: str
    revision: int
    generation: int
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
        """Whether a user-created resource has shown its job's end for the TTL; created again, it shows it for another TTL."""
        ended = facts.row.completed_at
        return ended is not None and (facts.now - max(ended, self.created_at)).total_seconds() > ttl_seconds


def read_entry(body: Mapping[str, Any], home: str) -> Entry:
    """The entry of an object. Namespace, name and labels identify a mirror; any other object is user-created."""
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
        generation=int(metadata.get("generation") or 1),
        is_mirror=is_mirror,
        job_id=annotated if is_mirror else status.get("jobId"),
        deleting="deletionTimestamp" in metadata,
        refused=is_refused(status),
        created_at=moment(metadata["creationTimestamp"]),
        status=status,
    )


class MirrorCache:
    """Entries by namespace and name. An older version never replaces a newer one (resourceVersions are ordered)."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._entries: dict[Key, Entry] = {}
        self.synced = False
        """Whether a full list was read."""

    def __len__(self) -> int:
        return len(self._entries)

    def observe(self, body: Mapping[str, Any]) -> Entry:
        """Stores an object from the API. Returns the newest entry."""
        entry = read_entry(body, self._home)
        known = self._entries.get(entry.key)
        if known is not None and known.revision > entry.revision:
            return known
        self._entries[entry.key] = entry
        return entry

    def forget(self, namespace: str, name: str, uid: str) -> None:
        """Removes the object with this uid, and no other of its name."""
        known = self._entries.get((namespace, name))
        if known is not None and known.uid == uid:
            del self._entries[namespace, name]

    def replace(self, namespace: str, bodies: Iterable[Entry], revision: int) -> None:
        """Stores a full list of a namespace, read at ``revision``; newer entries stay."""
        listed = {entry.key: entry for entry in bodies}
        for key, known in list(self._entries.items()):
            if key[0] == namespace and key not in listed and known.revision <= revision:
                del self._entries[key]
        for key, entry in listed.items():
            newer = self._entries.get(key)
            if newer is None or newer.revision <= entry.revision:
                self._entries[key] = entry

    def mirrors(self) -> dict[str, Entry]:
        """The mirrors by job id."""
        return {entry.job_id: entry for entry in self._entries.values() if entry.is_mirror and entry.job_id is not None}

    def user_created(self) -> list[Entry]:
        """The user-created resources."""
        return [entry for entry in self._entries.values() if not entry.is_mirror]
