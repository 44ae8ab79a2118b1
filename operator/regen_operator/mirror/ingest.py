"""A custom resource that someone applied becomes a row, once (docs/contract.md#kubernetes)."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from regen_core.errors import ValidationFailed
from regen_operator.kube.client import CUSTOM, EVENTS
from regen_operator.kube.errors import AlreadyExists, KubeError, NotFound
from regen_operator.mirror.resource import Owner, build_event, is_reserved, read_application
from regen_operator.mirror.status import build_status, merge_patch, refused_status
from regen_operator.reasons import EventReason, RefusalReason

if TYPE_CHECKING:
    from regen_operator.kube.client import Json, KubeClient
    from regen_operator.mirror.cache import Entry, MirrorCache
    from regen_operator.rows.database import Database
    from regen_operator.rows.values import IngestOutcome

log = structlog.get_logger("regen.ingest")


class Ingester:
    """Makes rows of objects made by hand, or refuses them where they stand."""

    def __init__(
        self, database: Database, kube: KubeClient, cache: MirrorCache, *, cluster: str, namespaces: frozenset[str]
    ) -> None:
        self._database = database
        self._kube = kube
        self._cache = cache
        self._cluster = cluster
        self._namespaces = namespaces

    async def ingest(self, entry: Entry) -> None:
        """Handles one object that has neither a row nor a refusal.

        Raises:
            KubeError: the API server did not answer; the same object may be handled again.
            DatabaseUnavailable: likewise.
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
            await self._refuse(
                entry, RefusalReason.NAME_RESERVED, "only the operator creates names that begin with regen-. Use another name."
            )
        elif entry.namespace not in self._namespaces:
            await self._refuse(
                entry,
                RefusalReason.NAMESPACE_NOT_SERVED,
                f"the operator takes no jobs from namespace {entry.namespace}. Use one of REGEN_CR_NAMESPACES.",
            )
        else:
            await self._insert(entry, body)

    async def secure(self, body: Json) -> None:
        """Makes the row of an object that is about to be made again: should the object get lost, its job does not.

        What cannot be a row is refused where the object stands anew.

        Raises:
            RegenError: the database did not answer, or failed; nothing was done.
        """
        metadata = body["metadata"]
        if is_reserved(metadata["name"]) or metadata["namespace"] not in self._namespaces:
            return
        with suppress(ValidationFailed):
            await self._make_row(body)

    async def _make_row(self, body: Json) -> IngestOutcome:
        application = read_application(body, self._cluster)
        return await self._database.ingest(
            job_id=uuid.uuid4().hex,
            instruction=application.instruction,
            priority=application.priority,
            requested_by=application.requested_by,
            key=application.key,
            retry_of=application.retry_of,
        )

    async def _insert(self, entry: Entry, body: Json) -> None:
        try:
            made = await self._make_row(body)
        except ValidationFailed as error:
            await self._refuse(entry, RefusalReason.INVALID, error.message)
            return
        if made.outcome == "refused":
            message = f"a job was made of {entry.namespace}/{entry.name} before, with another instruction; use another name"
            await self._refuse(entry, RefusalReason.INSTRUCTION_DIFFERS, message)
            return
        log.info("custom resource ingested", job_id=made.id, outcome=made.outcome, resource=f"{entry.namespace}/{entry.name}")
        facts = (await self._database.facts([made.id]))[made.id]
        status = build_status(facts, entry.status, None)
        answer = await self._kube.patch_status(CUSTOM, entry.namespace, entry.name, merge_patch(status, entry.status))
        self._cache.observe(answer.body)

    async def _refuse(self, entry: Entry, reason: str, message: str) -> None:
        now = await self._database.clock()
        status = refused_status(entry.status, reason, message, now)
        answer = await self._kube.patch_status(CUSTOM, entry.namespace, entry.name, status)
        self._cache.observe(answer.body)
        log.warning("custom resource refused", resource=f"{entry.namespace}/{entry.name}", reason=reason, message=message)
        owner = Owner(entry.namespace, entry.name, entry.uid)
        event = build_event(owner, reason=EventReason.REFUSED, message=message, at=now)
        try:
            await self._kube.create(EVENTS, entry.namespace, event)
        except AlreadyExists:
            pass
        except KubeError as error:
            log.warning("event not written", resource=f"{entry.namespace}/{entry.name}", error=error.message)
