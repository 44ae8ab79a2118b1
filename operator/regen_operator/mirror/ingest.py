"""Creates the row of a user-created resource, once, or refuses the resource (docs/contract.md#kubernetes)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import structlog

from regen_core.errors import ValidationFailed
from regen_core.names import LABEL_JOB_ID, label_value
from regen_operator.kube.client import CUSTOM, EVENTS
from regen_operator.kube.errors import AlreadyExists, NotFound
from regen_operator.mirror.resource import Owner, build_event, is_reserved, read_arguments
from regen_operator.mirror.status import build_status, merge_patch, refused_status
from regen_operator.reasons import EventReason, RefusalReason

if TYPE_CHECKING:
    from regen_operator.kube.client import Json, KubeClient
    from regen_operator.mirror.cache import Entry, MirrorCache
    from regen_operator.rows.database import Database

log = structlog.get_logger("regen.ingest")


class Ingester:
    """Handles user-created resources in ``namespaces``."""

    def __init__(
        self, database: Database, kube: KubeClient, cache: MirrorCache, *, cluster: str, namespaces: frozenset[str]
    ) -> None:
        self._database = database
        self._kube = kube
        self._cache = cache
        self._cluster = cluster
        self._namespaces = namespaces

    async def ingest(self, entry: Entry) -> None:
        """Handles a resource that has neither a row nor a refusal.

        Raises:
            KubeError: the API server failed. The call can be repeated.
            DatabaseUnavailable: the database failed. The call can be repeated.
        """
        try:
            body = (await self._kube.get(CUSTOM, entry.namespace, entry.name)).body
        except NotFound:
            self._cache.forget(entry.namespace, entry.name, entry.uid)
            return
        entry = self._cache.observe(body)
        if entry.is_mirror or entry.job_id is not None or entry.refused or entry.deleting:
            return
        if is_reserved(entry.name):
            message = "only the operator creates names that begin with regen-. Use another name."
            await self._refuse(entry, RefusalReason.NAME_RESERVED, message)
        elif entry.namespace not in self._namespaces:
            message = f"the operator takes no jobs from namespace {entry.namespace}. Use one of REGEN_CR_NAMESPACES."
            await self._refuse(entry, RefusalReason.NAMESPACE_NOT_SERVED, message)
        else:
            await self._insert(entry, body)

    async def refuse_without_row(self, entry: Entry) -> None:
        """Refuses a resource whose row the database lost. A user's resource is never deleted or recreated for that.

        Raises:
            KubeError: the API server failed. The call can be repeated.
            DatabaseUnavailable: the database failed. The call can be repeated.
        """
        message = (
            "the database does not have the job that this resource shows: it was restored from a backup or replaced."
            " Delete the resource, then create it again."
        )
        await self._refuse(entry, RefusalReason.ROW_LOST, message)

    async def _insert(self, entry: Entry, body: Json) -> None:
        name = f"{entry.namespace}/{entry.name}"
        try:
            arguments = read_arguments(body, self._cluster)
            ingested = await self._database.ingest(
                job_id=uuid.uuid4().hex,
                instruction=arguments.instruction,
                priority=arguments.priority,
                requested_by=arguments.requested_by,
                key=arguments.key,
                retry_of=arguments.retry_of,
            )
        except ValidationFailed as error:
            await self._refuse(entry, RefusalReason.INVALID, error.message)
            return
        if ingested.outcome == "refused":
            message = f"a job was created from {name} before, with another instruction. Use another name."
            await self._refuse(entry, RefusalReason.INSTRUCTION_DIFFERS, message)
            return
        log.info("custom resource ingested", job_id=ingested.id, outcome=ingested.outcome, resource=name)
        # Before the status, by which the next pass would no longer ingest it.
        labels = {LABEL_JOB_ID: label_value(ingested.id)}
        labelled = await self._kube.patch_labels(CUSTOM, entry.namespace, entry.name, labels)
        entry = self._cache.observe(labelled.body)
        facts = (await self._database.facts([ingested.id]))[ingested.id]
        status = build_status(facts, entry.status, None, entry.generation)
        patched = await self._kube.patch_status(CUSTOM, entry.namespace, entry.name, merge_patch(status, entry.status))
        self._cache.observe(patched.body)

    async def _refuse(self, entry: Entry, reason: RefusalReason, message: str) -> None:
        name, now = f"{entry.namespace}/{entry.name}", await self._database.clock()
        event = build_event(Owner(entry.namespace, entry.name, entry.uid), reason=EventReason.REFUSED, message=message, at=now)
        try:
            # Before the status: if the operator stops in between, the next pass repeats both.
            await self._kube.create(EVENTS, entry.namespace, event)
        except AlreadyExists:
            log.debug("event already written", resource=name)
        status = refused_status(entry.status, reason, message, now, entry.generation)
        patched = await self._kube.patch_status(CUSTOM, entry.namespace, entry.name, status)
        self._cache.observe(patched.body)
        log.warning("custom resource refused", resource=name, reason=reason, message=message)
