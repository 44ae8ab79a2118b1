"""Does a job end once and rightly where another transaction's locks make ours the victim of a real deadlock or lock timeout?

The other transaction is a person's: it takes a table that the function writes, and then wants the job's row, which the
function holds. The functions that are not tried lock one row and skip what others hold, or write nothing beside it but the
audit event, which waits for nobody.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.faults.case import Case
from tests.faults.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regen_stack.stack import Stack
    from tests.faults.control import Control

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.exhaustive]

WRITES = {
    "regen_start_v1": ("RegenerationRun", "completed"),
    "regen_complete_v1": ("RegenerationOutput", "completed"),
}
"""Function → a table that it writes after it has locked the job, and a story in which it is called."""


@pytest.fixture
def faulty_case(faulty: tuple[Stack, Control]) -> Case:
    """A case of which nothing has begun."""
    stack, control = faulty
    control.plan()
    return Case(stack, control)


@contextmanager
def another_transaction(case: Case, table: str) -> Iterator[psycopg.Connection[Any]]:
    """It holds ``table`` against every writer, and is never a deadlock's victim itself."""
    with psycopg.connect(case.url(), connect_timeout=10, options="-c deadlock_timeout=60s") as connection:
        connection.execute(f'LOCK TABLE "{table}" IN SHARE ROW EXCLUSIVE MODE'.encode())
        yield connection


def victims(case: Case, function: str, holder: int) -> set[tuple[Any, ...]]:
    """The calls of ``function`` that wait for ``holder`` now, by backend and the begin of their statement."""
    with case.connect() as connection:
        found = connection.execute(
            "SELECT pid, query_start FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
            " AND %s = ANY (pg_blocking_pids(pid))",
            (f"%{function}(%", holder),
        ).fetchall()
    return set(found)


def deadlocks(case: Case) -> int:
    with case.connect() as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("function", WRITES)
async def test_a_deadlock_with_another_transaction(faulty_case: Case, function: str) -> None:
    table, name = WRITES[function]
    story = SCENARIOS[name]
    async with faulty_case as case:
        story.begin(case)
        with another_transaction(case, table) as other:
            await case.start_operator()

            async def waits() -> bool:
                return bool(victims(case, function, other.info.backend_pid))

            async def happened() -> bool:
                return deadlocks(case) > 0

            await case.until(f"{function} waits", waits)
            # This waits for the function, which waits for us: the server ends one of the two.
            await asyncio.to_thread(other.execute, 'SELECT FROM "RegenerationJob" FOR UPDATE')
            other.rollback()
            await case.until("the server counts the deadlock", happened)
        ending = await case.conclude()
    assert (ending.ends, ending.violations) == (story.ends, [])


@pytest.mark.parametrize("function", WRITES)
async def test_a_lock_that_is_not_had_in_time(faulty_case: Case, function: str) -> None:
    """The call is refused, and made again until the lock is free."""
    table, name = WRITES[function]
    story = SCENARIOS[name]
    seen: set[tuple[Any, ...]] = set()
    async with faulty_case as case:
        with case.connect() as connection:
            connection.execute(f'ALTER DATABASE "{case.database}" SET lock_timeout = 300'.encode())
        story.begin(case)
        with another_transaction(case, table) as other:
            await case.start_operator()

            async def again() -> bool:
                seen.update(victims(case, function, other.info.backend_pid))
                return len(seen) > 1

            await case.until(f"{function} is called again", again)
            other.rollback()
        ending = await case.conclude()
    assert (ending.ends, ending.violations) == (story.ends, [])


@pytest.mark.parametrize("name", ["completed", "failed", "stuck"])
async def test_an_audit_trail_that_is_locked_stops_no_job(faulty_case: Case, name: str) -> None:
    """The job ends while somebody holds the table; its events come afterwards, and say that they were added."""
    story = SCENARIOS[name]
    async with faulty_case as case:
        story.begin(case)
        with another_transaction(case, "AuditEvent") as other:
            await case.start_operator()
            await case.ended()
            row = other.execute('SELECT count(*) FROM "AuditEvent"').fetchone()
            assert row == (0,)
            other.rollback()
        ending = await case.conclude()
    assert (ending.ends, ending.violations) == (story.ends, [])


async def test_a_table_that_is_locked_against_the_claim(faulty_case: Case) -> None:
    """Nothing is claimed meanwhile, and the operator, whose own lock timeout ends each call, goes on afterwards."""
    seen: set[tuple[Any, ...]] = set()
    story = SCENARIOS["completed"]
    async with faulty_case as case:
        story.begin(case)
        with another_transaction(case, "RegenerationJob") as other:
            await case.start_operator()

            async def again() -> bool:
                seen.update(victims(case, "regen_claim_v1", other.info.backend_pid))
                return len(seen) > 1

            await case.until("the claim is tried again", again)
            assert {str(job.status) for job in case.jobs().values()} == {"PENDING"}
            other.rollback()
        ending = await case.conclude()
    assert (ending.ends, ending.violations) == (story.ends, [])
