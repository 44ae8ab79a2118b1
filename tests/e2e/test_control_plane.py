"""Does a learner's request over HTTP end as a plan in the store, and does the control plane show it?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

PLAN = "/api/v1/plans/plan-interviews"


@pytest_asyncio.fixture(loop_scope="session")
async def client(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    control_plane = await world.stack.start_api()
    headers = {"Authorization": f"Bearer {control_plane.key}"}
    async with aiohttp.ClientSession(control_plane.url, headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


async def fetched(client: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        return dict(await response.json())


async def test_a_regenerated_plan_is_completed_and_shown(world: World, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{PLAN}/regenerate", json={"overrides": {"topic": "interview prep"}}) as response:
        assert response.status == 202, await response.text()
        answer = await response.json()
    assert answer["status"] == "pending"
    assert answer["generationId"]
    job_id = str(answer["generationId"])
    row = await world.ended(job_id)
    assert row["status"] == "COMPLETED", row["errorJson"]
    assert await world.events(job_id) == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]
    shown = await fetched(client, PLAN)
    assert (shown["status"], shown["generationId"]) == ("ready", job_id)
    job = await fetched(client, f"/api/v1/regeneration-jobs/{job_id}")
    assert {output["name"] for output in job["outputs"]} == {"plan.json", "plan.pdf"}
    for output in job["outputs"]:
        async with client.get(f"/api/v1/regeneration-jobs/{job_id}/outputs/{output['name']}") as response:
            assert hashlib.sha256(await response.read()).hexdigest() == output["sha256"]


async def test_an_admins_job_is_completed_and_shown_with_its_events(world: World, client: aiohttp.ClientSession) -> None:
    body = {"type": "document", "inputs": {"title": "T", "markdown": "# T"}}
    async with client.post("/api/v1/regeneration-jobs", json=body) as response:
        assert response.status == 202, await response.text()
        location = response.headers["Location"]
    job_id = location.rpartition("/")[2]
    assert (await world.ended(job_id))["status"] == "COMPLETED"
    events = await fetched(client, f"{location}/events")
    assert [event["event"] for event in events["items"]] == await world.events(job_id)
    async with client.get("/admin", allow_redirects=False) as response:
        assert response.status in {200, 302, 303}
