"""The handlers that kopf calls: every event of one of regen's Jobs, pods or custom resources is passed on as a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import kopf

from regen_core.names import (
    ANNOTATION_JOB_ID,
    GROUP,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    PLURAL,
    VERSION,
)

if TYPE_CHECKING:
    from regen_operator.settings import Settings

SELECTOR = {LABEL_MANAGED_BY: MANAGED_BY}


class EventSink(Protocol):
    """Receives watch events."""

    def job_event(self, job_id: str, body: dict[str, Any], *, deleted: bool) -> None:
        """A Job that regen manages changed."""
        ...

    def pod_event(self, job_id: str, body: dict[str, Any], *, listed: bool, deleted: bool) -> None:
        """A pod that regen manages changed, or was found by a list."""
        ...

    def custom_event(self, body: dict[str, Any], *, deleted: bool) -> None:
        """A custom resource changed."""
        ...


def register(registry: kopf.OperatorRegistry, sink: EventSink, settings: Settings) -> None:
    """Registers the three handlers.

    They await nothing, so a stop cannot cancel one half-way; as plain functions they would cost a thread for each event.
    """

    @kopf.on.event("batch", "v1", "jobs", labels=SELECTOR, registry=registry)
    async def job(type: str | None, body: kopf.Body, namespace: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        job_id = body.metadata.annotations.get(ANNOTATION_JOB_ID)
        if job_id is not None and namespace == settings.runner_namespace:
            sink.job_event(job_id, dict(body), deleted=type == "DELETED")

    @kopf.on.event("v1", "pods", labels=SELECTOR, registry=registry)
    async def pod(type: str | None, body: kopf.Body, namespace: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        job_id = body.metadata.annotations.get(ANNOTATION_JOB_ID)
        if job_id is not None and namespace == settings.runner_namespace:
            sink.pod_event(job_id, dict(body), listed=type is None, deleted=type == "DELETED")

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def custom(type: str | None, body: kopf.Body, namespace: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        if namespace in settings.mirrored_namespaces:
            sink.custom_event(dict(body), deleted=type == "DELETED")


def kopf_settings(settings: kopf.OperatorSettings) -> kopf.OperatorSettings:
    """Configures kopf to watch and do nothing else."""
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 270
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.watching.label_selectors["batch", "v1", "jobs"] = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
    settings.watching.label_selectors["v1", "pods"] = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.queueing.worker_limit = 50
    # How long a worker keeps its slot after an object's last event: in a burst, other objects wait for the slot.
    settings.queueing.idle_timeout = 0.1
    return settings
