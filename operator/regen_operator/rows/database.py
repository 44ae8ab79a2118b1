"""The operator's database port: the functions that it may call and the rows that it reads, each call with a deadline.

The statements are in ``queries/``. All calls share a small pool; LISTEN has its own connection (claim/listener.py).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row, tuple_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from regen_core.audit_chain import AuditRecord
from regen_core.errors import DatabaseUnavailable, RegenError, ValidationFailed
from regen_operator.rows.cancellation import raise_if_cancelled
from regen_operator.rows.values import (
    FailOutcome,
    IngestOutcome,
    JobFacts,
    JobRow,
    Outcome,
    QueueFacts,
    QueueGroup,
    RepairedEvent,
    RunRow,
)
from regen_schema import durability, sqlstates
from regen_schema.connection import PIN_TRANSACTION, connection_string, has_own_options
from regen_schema.sql import script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from psycopg.rows import AsyncRowFactory

    from regen_core.states import Caps, Claim, Fail

Row = TypeVar("Row")

QUERIES: Final[Mapping[str, LiteralString]] = {
    name: script(f"queries/{name}.sql", "regen_operator.rows").text
    for name in (
        "claim", "claim_held", "fail", "ingest", "repair", "clock", "facts", "running", "overdue", "ended", "mirror",
        "instructions", "queue_groups", "running_by_type", "outcomes", "audited",
    )
} | {"waiting": script("waiting.sql").text, "durability": durability.STATEMENT}  # fmt: skip


class StatementTimedOut(DatabaseUnavailable):
    """The statement was cancelled, usually at its deadline: the query takes longer than it may.

    ``pg_cancel_backend`` has the same effect, and so has a server that stops responding.
    """


_REFUSED_VALUES: Final = frozenset({sqlstates.UNCLEAN_INSERT, sqlstates.INVALID_ARGUMENT})
_FAILURES: Final[Mapping[type[RegenError], str]] = {
    DatabaseUnavailable: "unavailable",
    StatementTimedOut: "unavailable",
    ValidationFailed: "refused",
}


class Database:
    """Every call raises ``DatabaseUnavailable`` if the database does not respond in time, and can be retried."""

    def __init__(self, url: str, *, pool_size: int, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._pin_each_call = has_own_options("REGEN_DATABASE_URL", url)
        self._pool = AsyncConnectionPool(
            connection_string(
                url, variable="REGEN_DATABASE_URL", timeout_seconds=timeout_seconds, application_name="regen-operator"
            ),
            min_size=1,
            max_size=pool_size,
            timeout=timeout_seconds,
            max_lifetime=1800.0,
            reconnect_timeout=0.0,
            # Prepared statements do not work with transaction poolers, and save little at this rate.
            kwargs={"autocommit": True, "prepare_threshold": None},
            configure=_read_committed,
            open=False,
        )
        self.last_success: float | None = None
        """``time.monotonic()`` of the last successful call."""
        self.on_call: Callable[[str, float, str | None], None] = lambda *_: None
        """Called after every call with its name, its seconds, and its failure: unavailable, refused, failed or None."""

    async def open(self) -> None:
        """Starts the pool. It connects in the background, so the operator starts without the database."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Closes every connection."""
        await self._pool.close(timeout=2.0)

    async def clock(self) -> datetime:
        """The database's clock: UTC without a zone."""
        [(now,)] = await self._all("clock", {}, tuple_row)
        return now  # type: ignore[no-any-return]

    async def claim(self, claim: Claim) -> list[JobRow]:
        """Claims PENDING jobs (``regen_claim_v1``). Jobs without an executor class are returned FAILED."""
        return await self._all(
            "claim",
            {
                "batch": claim.batch,
                "cap_total": claim.caps.total,
                "cap_types": Jsonb(dict(claim.caps.per_type)),
                "cap_requester": claim.caps.per_requester,
                "types": sorted(claim.known_types),
            },
            class_row(JobRow),
        )

    async def claim_held(self) -> bool:
        """Return whether another transaction holds the lock of the claim (``regen_claim_held_v1``)."""
        [(held,)] = await self._all("claim_held", {}, tuple_row)
        return bool(held)

    async def fail(self, failures: Sequence[Fail]) -> list[FailOutcome]:
        """Fails a batch of jobs in one call (``regen_fail_v1``)."""
        entries = [
            {"id": one.job_id, "error": one.error.as_json(), "condition": str(one.condition)}
            | ({"podUid": one.pod_uid} if one.pod_uid is not None else {})
            for one in failures
        ]
        return await self._all("fail", {"failures": Jsonb(entries)}, class_row(FailOutcome))

    async def ingest(
        self,
        *,
        job_id: str,
        instruction: Mapping[str, Any],
        priority: int,
        requested_by: str,
        key: str,
        retry_of: str | None,
    ) -> IngestOutcome:
        """Creates the row of a user-created resource, or finds it (``regen_ingest_v1``).

        Raises:
            ValidationFailed: the database refuses the values.
        """
        [outcome] = await self._all(
            "ingest",
            {
                "id": job_id,
                "instruction": Jsonb(instruction),
                "priority": priority,
                "requested_by": requested_by,
                "key": key,
                "retry_of": retry_of,
            },
            class_row(IngestOutcome),
        )
        return outcome

    async def repair_audit(self, *, limit: int, seconds: float) -> list[RepairedEvent]:
        """Adds missing audit events of the last ``seconds``."""
        return await self._all("repair", {"limit": limit, "seconds": seconds}, class_row(RepairedEvent))

    async def facts(self, ids: Collection[str]) -> dict[str, JobFacts]:
        """Rows and fences of those of ``ids`` that exist."""
        return _facts(await self._all("facts", {"ids": list(ids)}, dict_row))

    async def running(self) -> list[str]:
        """The ids of all RUNNING jobs."""
        return await self._ids("running", {})

    async def overdue(self, *, start_seconds: float, late_seconds: float, limit: int) -> list[str]:
        """RUNNING jobs without a fence after ``start_seconds``, or older than ``late_seconds``, oldest first."""
        return await self._ids("overdue", {"start_seconds": start_seconds, "late_seconds": late_seconds, "limit": limit})

    async def ended(self, ids: Collection[str]) -> list[str]:
        """Those of ``ids`` that are terminal or have no row."""
        return await self._ids("ended", {"ids": list(ids)}) if ids else []

    async def mirror(
        self, *, window: int, keep: int, ttl_seconds: float, mirrored: Collection[str], shown: Collection[str]
    ) -> dict[str, JobFacts]:
        """The rows that get a custom resource, and those in ``shown`` whatever their status."""
        parameters = {
            "window": window,
            "keep": keep,
            "ttl_seconds": ttl_seconds,
            "mirrored": list(mirrored),
            "shown": list(shown),
        }
        return _facts(await self._all("mirror", parameters, dict_row))

    async def instructions(self, ids: Collection[str]) -> dict[str, str]:
        """``instructionJson`` of the given rows as JSON text, which Python's parser may refuse."""
        return dict(await self._all("instructions", {"ids": list(ids)}, tuple_row))

    async def waiting(self, ids: Collection[str]) -> dict[str, QueueFacts]:
        """What those of the given rows that are PENDING wait for."""
        return {job_id: QueueFacts(*rest) for job_id, *rest in await self._all("waiting", {"ids": list(ids)}, tuple_row)}

    async def queue_groups(self, caps: Caps, blocked_types: Collection[str], *, depth: int) -> list[QueueGroup]:
        """The queue by type and reason for waiting; at most ``depth`` rows of each type are counted."""
        parameters = {
            "depth": depth,
            "blocked_types": sorted(blocked_types),
            "cap_types": Jsonb(dict(caps.per_type)),
            "cap_requester": caps.per_requester,
            "cap_total": caps.total,
        }
        return await self._all("queue_groups", parameters, class_row(QueueGroup))

    async def running_by_type(self) -> dict[str | None, int]:
        """The number of RUNNING jobs of each type."""
        return dict(await self._all("running_by_type", {}, tuple_row))

    async def outcomes(self, since: datetime, after: str, *, limit: int) -> list[Outcome]:
        """Jobs that ended after (``since``, job id ``after``), oldest first."""
        return await self._all("outcomes", {"since": since, "after": after, "limit": limit}, class_row(Outcome))

    async def audited(self, after: int, *, limit: int) -> list[tuple[AuditRecord, str | None]]:
        """Audit events with ids above ``after``, each with the hash of the job's previous event."""
        rows = await self._all("audited", {"after": after, "limit": limit}, tuple_row)
        return [(AuditRecord(*fields), previous) for *fields, previous in rows]

    async def doubts(self) -> list[str]:
        """Settings of the server with which an acknowledged commit can be lost, one line each."""
        return durability.doubts(await self._all("durability", {}, tuple_row))

    async def _ids(self, name: str, parameters: Mapping[str, Any]) -> list[str]:
        return [job_id for (job_id,) in await self._all(name, parameters, tuple_row)]

    async def _all(self, name: str, parameters: Mapping[str, Any], factory: AsyncRowFactory[Row]) -> list[Row]:
        began = time.monotonic()
        try:
            async with _translated(name):
                rows = await self._execute(name, parameters, factory)
        except RegenError as error:
            self.on_call(name, time.monotonic() - began, _FAILURES.get(type(error), "failed"))
            raise
        finally:
            # A cancellation that psycopg dropped takes precedence over the result and over any error.
            raise_if_cancelled()
        self.on_call(name, time.monotonic() - began, None)
        self.last_success = time.monotonic()
        return rows

    async def _execute(self, name: str, parameters: Mapping[str, Any], factory: AsyncRowFactory[Row]) -> list[Row]:
        sent = False
        try:
            # A client-side deadline, for a server that no longer responds or has no statement timeout.
            async with (
                asyncio.timeout(self._timeout * 1.5),
                self._pool.connection() as connection,
                connection.cursor(row_factory=factory) as cursor,
            ):
                sent = True
                if not self._pin_each_call:
                    await cursor.execute(QUERIES[name], parameters)
                    return await cursor.fetchall()
                # Behind a pooler, which refuses start-up options: one round trip more.
                async with connection.transaction():
                    await connection.execute(PIN_TRANSACTION)
                    await cursor.execute(QUERIES[name], parameters)
                    return await cursor.fetchall()
        except TimeoutError as error:
            if not sent:
                raise
            raise StatementTimedOut(f"database: {name} timed out") from error


async def _read_committed(connection: psycopg.AsyncConnection[Any]) -> None:
    """Pin isolation and access mode in every BEGIN, whatever the server's defaults."""
    await connection.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
    await connection.set_read_only(False)


_RUN_COLUMNS: Final = ("pod_uid", "pod_name", "started_at")


def _facts(rows: Sequence[dict[str, Any]]) -> dict[str, JobFacts]:
    """Splits the columns of each row into the job's, the fence's and the clock."""
    facts = {}
    for columns in rows:
        now = columns.pop("now")
        fence = {name: columns.pop(name) for name in _RUN_COLUMNS}
        run = None if fence["pod_uid"] is None else RunRow(**fence)
        facts[columns["id"]] = JobFacts(JobRow(**columns), run, now)
    return facts


@asynccontextmanager
async def _translated(name: str) -> AsyncIterator[None]:
    """Translates psycopg's errors by what the caller does next."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise StatementTimedOut(f"database: {name} timed out") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError, OSError) as error:
        # Includes admin shutdown, lock timeouts, serialization failures and lost connections.
        raise DatabaseUnavailable(f"database: {name} failed: {_cause(error)}") from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise ValidationFailed(f"database: {name} refused its values ({_primary(error)})") from error
    except psycopg.Error as error:
        if error.sqlstate in _REFUSED_VALUES:
            raise ValidationFailed(f"database: {name} refused its values ({_primary(error)})") from error
        raise RegenError(f"database: {name} failed ({_primary(error)})", sqlstate=error.sqlstate) from error
    except (ValueError, RecursionError) as error:
        raise RegenError(f"database: {name} has a value that cannot be converted ({type(error).__name__})") from error


def _primary(error: psycopg.Error) -> str:
    return error.diag.message_primary or type(error).__name__


def _cause(error: Exception) -> str:
    """The error's first line, which names the host and the failure but never the password."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
