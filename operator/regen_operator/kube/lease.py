"""Leader election by a ``coordination.k8s.io`` Lease. It saves duplicate work; correctness never depends on a single leader.

A lease is free once its record has not changed for its duration on this process's own clock; two machines' clocks are never
compared (client-go's leader election does the same). A leader steps down when the API server or the database has not responded
for the lease's duration, and at once when it stops. The official client's ``leaderelection`` does neither and compares wall
clocks (docs/decisions/0013-leading-saves-work-only.md).
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog

from regen_operator.kube.client import LEASES
from regen_operator.kube.errors import AlreadyExists, Conflict, KubeError, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from regen_operator.kube.client import KubeClient

log = structlog.get_logger("regen.lease")

RELEASE_SECONDS: Final = 3.0


class Lease:
    """One replica's part in the election. It leads only while ``healthy``, which says whether the database responds."""

    def __init__(
        self,
        kube: KubeClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        seconds: float,
        healthy: Callable[[], bool] = lambda: True,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._seconds = seconds
        self._healthy = healthy
        self._record: dict[str, Any] | None = None
        self._seen: tuple[Any, float] = (None, 0.0)
        self._held_until = 0.0

    @property
    def held(self) -> bool:
        """Whether this replica leads."""
        return time.monotonic() < self._held_until

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Runs ``lead`` whenever this replica holds the lease and cancels it when the lease is lost. Runs until cancelled.

        Raises what ``lead`` raises.
        """
        try:
            while True:
                if self._healthy() and await self._acquire():
                    await self._while_held(lead)
                await asyncio.sleep(self._seconds / 8)
        finally:
            await self._release()

    async def _while_held(self, lead: Callable[[], Awaitable[None]]) -> None:
        log.info("leadership acquired", identity=self._identity)
        duties = asyncio.ensure_future(lead())
        try:
            while not duties.done():
                await asyncio.wait([duties], timeout=self._seconds / 3)
                if not self._healthy() or not await self._renew():
                    break
        finally:
            duties.cancel()
            # Not awaited directly: the cancellation of this task must not be mistaken for that of the duties.
            await asyncio.wait([duties])
        if not duties.cancelled():
            duties.result()
        log.warning("leadership lost", identity=self._identity)
        await self._release()

    async def _renew(self) -> bool:
        """Tries until the held lease expires; returns whether it is still held."""
        while self.held:
            try:
                async with asyncio.timeout(self._held_until - time.monotonic()):
                    return await self._acquire(raising=True)
            except (KubeError, TimeoutError) as error:
                log.warning("lease renewal failed, will retry", error=str(error) or type(error).__name__)
                await asyncio.sleep(min(1.0, self._seconds / 10))
        return False

    async def _acquire(self, *, raising: bool = False) -> bool:
        """Takes or renews the lease if it is free or held by this replica; returns whether it is held now."""
        began = time.monotonic()
        try:
            if not await self._write():
                self._held_until = 0.0
                return False
        except (Conflict, AlreadyExists):
            self._record = None
            return await self._acquire_if_holder() if raising else False
        except KubeError as error:
            if raising:
                raise
            log.warning("lease acquisition failed, will retry", error=error.message)
            return False
        # Counted from before the request, so that this replica steps down before another can take the lease.
        self._held_until = began + self._seconds
        return True

    async def _acquire_if_holder(self) -> bool:
        """Acquires with the server's record: the known one was outdated because a response was lost."""
        record = await self._read()
        return record is not None and record["spec"].get("holderIdentity") == self._identity and await self._acquire()

    async def _write(self) -> bool:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": round(self._seconds), "renewTime": now}
        record = self._record if self.held and self._record is not None else await self._read()
        if record is None:
            body = {
                "apiVersion": LEASES.api_version,
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": spec | {"acquireTime": now, "leaseTransitions": 0},
            }
            self._record = (await self._kube.create(LEASES, self._namespace, body)).body
            return True
        old = record.get("spec") or {}
        if old.get("holderIdentity") != self._identity:
            if not self._is_free(old):
                return False
            spec |= {"acquireTime": now, "leaseTransitions": int(old.get("leaseTransitions") or 0) + 1}
        body = record | {"spec": old | spec}
        self._record = (await self._kube.replace(LEASES, self._namespace, self._name, body)).body
        return True

    def _is_free(self, spec: dict[str, Any]) -> bool:
        if not spec.get("holderIdentity"):
            return True
        mark = (spec.get("holderIdentity"), spec.get("renewTime"))
        if self._seen[0] != mark:
            self._seen = (mark, time.monotonic())
        return time.monotonic() - self._seen[1] > float(spec.get("leaseDurationSeconds") or self._seconds)

    async def _read(self) -> dict[str, Any] | None:
        try:
            return (await self._kube.get(LEASES, self._namespace, self._name)).body
        except NotFound:
            return None

    async def _release(self) -> None:
        """Clears the holder, so that another replica need not wait for the lease to expire."""
        held, self._held_until, record = self.held, 0.0, self._record
        if not held or record is None:
            return
        body = record | {"spec": record["spec"] | {"holderIdentity": ""}}
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._kube.replace(LEASES, self._namespace, self._name, body)
            log.info("lease released", identity=self._identity)
        except (KubeError, TimeoutError) as error:
            log.warning("lease release failed", error=str(error) or type(error).__name__)
