"""Does health turn red when the last good answer is too old, though the process lives?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import aiohttp

from regen_operator.telemetry.health import HealthServer, Probe, WatchAge, since

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World


async def ask(port: int | None, path: str) -> tuple[int, dict[str, Any]]:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.json()


async def no_page() -> bytes:
    return b""


async def test_red_without_a_database_and_green_again(world: World, running: Running) -> None:
    async def answers(status: int, path: str = "/healthz") -> bool:
        return (await ask(operator.health_port, path))[0] == status

    async with running(health_max_age_seconds=2.0, database_timeout_seconds=2.0) as operator:
        await world.until("it listens", lambda: operator.health_port)
        await world.until("it is ready", lambda: answers(200, "/readyz"))
        assert await answers(200)
        name = world.database.name
        role = world.database.operator_url.split("//")[1].split(":")[0]
        await world.query(f'ALTER ROLE "{role}" NOLOGIN')
        try:
            await world.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND datname = %s", role, name
            )
            await world.until("readiness is red", lambda: answers(500, "/readyz"))
            await world.until("liveness is red", lambda: answers(500))
            assert (await ask(operator.health_port, "/healthz"))[1]["tooOld"] == ["database"]
            await world.until("it no longer leads", lambda: not operator.lease.held)
        finally:
            await world.query(f'ALTER ROLE "{role}" LOGIN')
        await world.until("it is green again", lambda: answers(200, "/readyz"))
        job_id = await world.insert()
        await world.until("it works again", lambda: world.job(job_id))


async def test_unhealthy_when_a_watch_does_not_report_a_created_object() -> None:
    watch = WatchAge()
    server = HealthServer([Probe("watch", watch.age)], no_page, max_age_seconds=0.1, host="127.0.0.1", port=0)
    port = await server.start()
    try:
        assert (await ask(port, "/healthz"))[0] == 200, "a quiet cluster is no fault"
        watch.expect(time.monotonic())
        while (await ask(port, "/healthz"))[0] != 500:
            pass
        watch.heard()
        assert (await ask(port, "/healthz"))[0] == 200
    finally:
        await server.stop()


def test_an_event_that_arrives_before_the_response_counts() -> None:
    watch = WatchAge()
    began = time.monotonic()
    watch.heard()
    watch.expect(began)
    assert watch.age() == 0.0
    watch.expect(time.monotonic() + 1)
    assert watch.age() != 0.0


async def test_not_ready_before_the_first_answer() -> None:
    server = HealthServer([Probe("database", since(lambda: None))], no_page, max_age_seconds=60, host="127.0.0.1", port=0)
    port = await server.start()
    try:
        assert (await ask(port, "/readyz"))[0] == 500
        assert (await ask(port, "/healthz"))[0] == 200
    finally:
        await server.stop()
