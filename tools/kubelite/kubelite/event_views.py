"""``events.k8s.io/v1`` and ``v1`` events are the same objects under two sets of field names (``pkg/apis/events/v1``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kubelite.resources import Object

_NEWER: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_OLDER: Final = {newer: older for older, newer in _NEWER.items()}


def newer(event: Object) -> Object:
    """A ``v1`` event as ``events.k8s.io/v1``."""
    return {_NEWER.get(key, key): value for key, value in event.items()} | {"apiVersion": "events.k8s.io/v1"}


def older(event: Object) -> Object:
    """An ``events.k8s.io/v1`` event as ``v1``."""
    return {_OLDER.get(key, key): value for key, value in event.items()} | {"apiVersion": "v1"}
