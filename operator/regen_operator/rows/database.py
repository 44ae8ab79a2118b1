"""The operator's side of PostgreSQL: the functions that it may call and the rows that it reads, each with a deadline.

The statements stand in ``operator/regen_operator/rows/queries``. A small pool serves all; LISTEN has a connection of its own
(listener.py).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString, cast

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from regen_core.audit_chain import AuditRecord
from regen_core.errors import DatabaseUnavailable, RegenError, ValidationFailed
from regen_core.states import JobStatus
from regen_operator.rows.cancellation import raise_if_cancelled
from regen_operator.rows.values import FailOutcome, Ingested, JobFacts, JobRow, Outcome, QueueFacts, QueueGroup, RunRow
from regen_schema import durability, sqlstates
from regen_schema.connection import connection_string
from regen_schema.sql import script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from regen_core.states import Caps, Claim, Fail

QUERIES: Final[Mapping[str, LiteralString]] = {
    name: script(f"queries/{name}.sql", "regen_operator.rows").text
    for name in (
        "claim", "fail", "ingest", "repair", "clock", "facts", "running", "overdue", "ended", "mirror", "instructions",
        "census", "occupied", "outcomes", "audited",
    )
} | {"waiting": script("waiting.sql").text, "durability": durability.STATEMENT}  # fmt: skip


class StatementTimedOut(DatabaseUnavailable):
    """The statement was ended, by the server or by us, mostly at its deadline: there was more to do than fits into it.

    An administrator's ``pg_cancel_backend`` looks the same; so does a server that fell silent once it was asked.
    """


_REFUSED_VALUES: Final = frozenset({sqlstates.UNCLEAN_INSERT, sqlstates.INVALID_ARGUMENT})
_FAILURES: Final[Mapping[type[RegenError], str]] = {
    DatabaseUnavailable: "unavailable",
    StatementTimedOut: "unavailable",
    ValidationFailed: "refused",
}


class Database:
    """Every call raises ``DatabaseUnavailable`` where the database cannot be reached in time; it may be tried again."""

    def __init__(self, url: str, *, pool_size: int, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._pool = AsyncConnectionPool(
            connection_string(
                url, variable="REGEN_DATABASE_URL", timeout_seconds=timeout_seconds, application_name="regen-operator"
            ),
            min_size=1,
            max_size=pool_size,
            timeout=timeout_seconds,
            max_lifetime=1800.0,
            reconnect_timeout=0.0,
            # Prepared statements do not survive transaction poolers, and save little at this rate.
            kwargs={"autocommit": True, "prepare_threshold": None},
            open=False,
        )
        self.last_success: float | None = None
        """``time.monotonic()`` of the last call that was answered."""
        self.on_call: Callable[[str, float, str | None], None] = lambda *_: None
        """Called after every call with its name, its seconds, and what failed: unavailable, refused, failed or None."""

    async def open(self) -> None:
        """Starts the pool; connections are made in the background, so a database that is down does not stop us here."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Closes every connection."""
        await self._pool.close(timeout=2.0)

    async def clock(self) -> datetime:
        """The database's clock: UTC without a zone."""
        [row] = await self._all("clock", {})
        return cast("datetime", row[0])

    async def claim(self, claim: Claim) -> list[JobRow]:
        """Claims waiting jobs (``regen_claim_v1``); those of unknown type come back FAILED."""
        rows = await self._all(
            "claim",
            {
                "batch": claim.batch,
                "cap_total": claim.caps.total,
                "cap_types": Jsonb(dict(claim.caps.per_type)),
                "cap_requester": claim.caps.per_requester,
                "types": sorted(claim.known_types),
            },
        )
        return [
            JobRow(
                id=row[0], type=row[1], priority=row[2], requested_by=row[3], retry_of=row[4], idempotency_key=row[5],
                created_at=row[6], locked_at=row[7], status=JobStatus(row[8]), error=row[9],
            )
            for row in rows
        ]  # fmt: skip

    async def fail(self, failures: Sequence[Fail]) -> list[FailOutcome]:
        """Fails a batch of jobs in one call (``regen_fail_v1``)."""
        entries = [
            {"id": one.job_id, "error": one.error.as_json(), "condition": str(one.condition)}
            | ({"podUid": one.pod_uid} if one.pod_uid is not None else {})
            for one in failures
        ]
        return [FailOutcome(row[0], row[1]) for row in await self._all("fail", {"failures": Jsonb(entries)})]

    async def ingest(
        self,
        *,
        job_id: str,
        instruction: Mapping[str, Any],
        priority: int,
        requested_by: str,
        key: str,
        retry_of: str | None,
    ) -> Ingested:
        """The row of a custom resource that someone applied (``regen_ingest_v1``).

        Raises:
            ValidationFailed: the database refuses the values themselves.
        """
        [row] = await self._all(
            "ingest",
            {
                "id": job_id,
                "instruction": Jsonb(instruction),
                "priority": priority,
                "requested_by": requested_by,
                "key": key,
                "retry_of": retry_of,
            },
        )
        return Ingested(row[0], row[1])

    async def repair_audit(self, *, limit: int, seconds: float) -> list[tuple[str, str]]:
        """Adds missing audit events of the last ``seconds``; (job id, event) of each."""
        return [(row[0], row[1]) for row in await self._all("repair", {"limit": limit, "seconds": seconds})]

    async def facts(self, ids: Collection[str]) -> dict[str, JobFacts]:
        """Rows and fences of ``ids`` that exist."""
        return {row[0]: _facts(row) for row in await self._all("facts", {"ids": list(ids)})}

    async def running(self) -> list[str]:
        """The ids of all RUNNING jobs."""
        return [row[0] for row in await self._all("running", {})]

    async def overdue(self, *, start_seconds: float, late_seconds: float, limit: int) -> list[str]:
        """RUNNING jobs without a fence after ``start_seconds``, or older than ``late_seconds``, oldest first."""
        parameters = {"start_seconds": start_seconds, "late_seconds": late_seconds, "limit": limit}
        return [row[0] for row in await self._all("overdue", parameters)]

    async def ended(self, ids: Collection[str]) -> list[str]:
        """Those of ``ids`` that are terminal or have no row."""
        return [row[0] for row in await self._all("ended", {"ids": list(ids)})] if ids else []

    async def mirror(
        self, *, window: int, keep: int, ttl_seconds: float, mirrored: Collection[str], shown: Collection[str]
    ) -> dict[str, JobFacts]:
        """The rows that want a custom resource, and those in ``shown`` whatever their state."""
        rows = await self._all(
            "mirror",
            {
                "window": window,
                "keep": keep,
                "ttl_seconds": ttl_seconds,
                "mirrored": list(mirrored),
                "shown": list(shown),
            },
        )
        return {row[0]: _facts(row) for row in rows}

    async def instructions(self, ids: Collection[str]) -> dict[str, str]:
        """``instructionJson`` of the given rows as JSON text, which may be more than Python's parser takes."""
        return {row[0]: row[1] for row in await self._all("instructions", {"ids": list(ids)})}

    async def waiting(self, ids: Collection[str]) -> dict[str, QueueFacts]:
        """Why the given PENDING rows wait."""
        return {row[0]: QueueFacts(*row[1:]) for row in await self._all("waiting", {"ids": list(ids)})}

    async def census(self, caps: Caps, crowded: Collection[str], *, depth: int) -> list[QueueGroup]:
        """The queue by type and reason for waiting; of each type ``depth`` rows are counted at the most."""
        parameters = {
            "depth": depth,
            "crowded": sorted(crowded),
            "cap_types": Jsonb(dict(caps.per_type)),
            "cap_requester": caps.per_requester,
            "cap_total": caps.total,
        }
        rows = await self._all("census", parameters)
        return [QueueGroup(row[0], row[1], row[2], max(0.0, (row[4] - row[3]).total_seconds())) for row in rows]

    async def occupied(self) -> dict[str | None, int]:
        """How many jobs of each type run."""
        return {row[0]: row[1] for row in await self._all("occupied", {})}

    async def outcomes(self, since: datetime, after: str, *, limit: int) -> list[Outcome]:
        """Jobs that ended after (``since``, job id ``after``), oldest first."""
        rows = await self._all("outcomes", {"since": since, "after": after, "limit": limit})
        return [Outcome(row[0], row[1], JobStatus(row[2]), *row[3:]) for row in rows]

    async def audited(self, after: int, *, limit: int) -> list[tuple[AuditRecord, str | None]]:
        """Audit events after the one with id ``after``, each with the hash of its job's event before it."""
        rows = await self._all("audited", {"after": after, "limit": limit})
        return [(AuditRecord(*row[:9]), row[9]) for row in rows]

    async def doubts(self) -> list[str]:
        """Settings of the server's by which a commit that it acknowledged may not last, a line each."""
        return durability.doubts(await self._all("durability", {}))

    async def _all(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        began = time.monotonic()
        try:
            async with _translated(name):
                rows = await self._ask(name, parameters)
        except RegenError as error:
            self.on_call(name, time.monotonic() - began, _FAILURES.get(type(error), "failed"))
            raise
        finally:
            # A cancellation that was dropped outweighs the answer, and the error that came in its place.
            raise_if_cancelled()
        self.on_call(name, time.monotonic() - began, None)
        self.last_success = time.monotonic()
        return rows

    async def _ask(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        asked = False
        try:
            # The client's own deadline covers a server that no longer answers at all, and one that has none of ours.
            async with asyncio.timeout(self._timeout * 1.5), self._pool.connection() as connection:
                asked = True
                cursor = await connection.execute(QUERIES[name], parameters)
                return await cursor.fetchall()
        except TimeoutError as error:
            if not asked:
                raise
            raise StatementTimedOut(f"database: {name} was not answered ({type(error).__name__})") from error


def _facts(row: tuple[Any, ...]) -> JobFacts:
    run = None if row[12] is None else RunRow(pod_uid=row[12], pod_name=row[13], started_at=row[14])
    return JobFacts(
        row=JobRow(
            id=row[0], type=row[1], status=JobStatus(row[2]), priority=row[3], requested_by=row[4], retry_of=row[5],
            idempotency_key=row[6], created_at=row[7], locked_at=row[8], completed_at=row[9], output_ref=row[10],
            error=row[11],
        ),
        run=run,
        now=row[15],
    )  # fmt: skip


@asynccontextmanager
async def _translated(name: str) -> AsyncIterator[None]:
    """Psycopg's errors as ours, by what the caller does next."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise StatementTimedOut(f"database: {name} was not answered ({type(error).__name__})") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError, OSError) as error:
        # Covers admin shutdown, locks that were waited for too long, serialization failures and lost connections.
        raise DatabaseUnavailable(f"database: {name} was not answered ({type(error).__name__})") from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise ValidationFailed(f"database: {name} refused its values ({_primary(error)})") from error
    except psycopg.Error as error:
        if error.sqlstate in _REFUSED_VALUES:
            raise ValidationFailed(f"database: {name} refused its values ({_primary(error)})") from error
        raise RegenError(f"database: {name} failed ({_primary(error)})", sqlstate=error.sqlstate) from error
    except (ValueError, RecursionError) as error:
        raise RegenError(f"database: {name} has a value that cannot be read or sent ({type(error).__name__})") from error


def _primary(error: psycopg.Error) -> str:
    return error.diag.message_primary or type(error).__name__
