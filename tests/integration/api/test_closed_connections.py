"""Is a caller spared what the database did to idle connections, and does a connection that lives serve again and again?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from regen_api.database import Database as Pool

if TYPE_CHECKING:
    import httpx
    import psycopg

    from tests.database_fixtures import Database

JOBS = "/api/v1/regeneration-jobs"
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'regen-api' AND datname = current_database() ORDER BY pid"
GONE = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY (%s))"


async def several(admin: httpx.AsyncClient) -> list[int]:
    """The statuses of requests at the same time, which need more connections than one."""
    return [answer.status_code for answer in await asyncio.gather(*(admin.get(JOBS) for _ in range(5)))]


def pids(superuser: psycopg.Connection[Any]) -> list[int]:
    return [row[0] for row in superuser.execute(OURS)]


async def test_connections_that_the_server_ended_are_made_anew(
    admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]
) -> None:
    assert await several(admin) == [200] * 5
    before = pids(superuser)
    assert before
    superuser.execute("SELECT pg_terminate_backend(pid, 10000) FROM unnest(%s::int[]) pid", (before,))
    assert superuser.execute(GONE, (before,)).fetchone() == (True,)
    assert await several(admin) == [200] * 5
    assert not set(pids(superuser)) & set(before)


async def test_a_connection_that_lives_is_used_again(admin: httpx.AsyncClient, superuser: psycopg.Connection[Any]) -> None:
    assert (await admin.get(JOBS)).status_code == 200
    before = pids(superuser)
    assert len(before) == 1
    assert (await admin.get(JOBS)).status_code == 200
    assert pids(superuser) == before


async def test_a_connection_on_which_the_server_said_something_is_used_again(
    superuser: psycopg.Connection[Any], database: Database
) -> None:
    """A notification makes the socket readable, and nothing is wrong."""
    pool = Pool(database.api_url, pool_size=1, timeout_seconds=5.0)
    try:
        async with pool.reading() as connection:
            await connection.execute(text("LISTEN said_something"))
        before = pids(superuser)
        assert len(before) == 1
        superuser.execute("NOTIFY said_something")
        async with pool.reading() as connection:
            assert (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one() == before[0]
    finally:
        await pool.close()
