"""Events (core v1) for a person who runs ``kubectl describe``: only what explains why something waits or failed."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from kubelite.cluster import EVENTS, Refused
from kubelite.containers import now_text

if TYPE_CHECKING:
    from kubelite.cluster import Cluster
    from kubelite.resources import Object


def record(cluster: Cluster, about: Object, component: str, reason: str, message: str, *, warning: bool = True) -> None:
    """Makes one event about ``about``."""
    meta, now = about["metadata"], now_text()
    involved = {"apiVersion": about["apiVersion"], "kind": about["kind"], "name": meta["name"], "uid": meta["uid"]}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{secrets.token_hex(8)}", "namespace": meta["namespace"]},
        "involvedObject": involved | {"namespace": meta["namespace"]},
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "reportingComponent": component,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    with suppress(Refused):  # a namespace that is ending takes no events
        cluster.create(EVENTS, event)
