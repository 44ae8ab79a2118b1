"""What if the rows are older than what the custom resources say (a database was restored)?"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from kubelite.errors import APIError
from regen_core.names import job_name
from tests.faults.http_proxy import HttpProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kubelite.api import KubernetesAPI
    from tests.faults.http_proxy import Rule
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

CUSTOM = "regenerationjobs.regeneration.dev"


def lead_through(kubeconfig: Path, url: str, port: int) -> None:
    kubeconfig.write_text(kubeconfig.read_text().replace(url, f"http://127.0.0.1:{port}"))


def kubeconfig_server(kubeconfig: Path) -> str:
    server: str = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    return server


@asynccontextmanager
async def refusing(api: KubernetesAPI, kubeconfig: Path, name: str, *, times: int) -> AsyncIterator[Rule]:
    """The embedded API has no CEL: a proxy answers the next patches of the status as a server does that holds the rules."""
    message = f'RegenerationJob.regeneration.dev "{name}" is invalid: status: Invalid value: phase only moves forward'
    body = json.dumps(APIError(422, "Invalid", message).as_status()).encode()
    port = urlsplit(api.url).port
    assert port is not None
    async with HttpProxy(port) as proxy:
        lead_through(kubeconfig, api.url, proxy.port)
        headers = {"Content-Type": "application/json"}
        yield proxy.add("PATCH", f"/{name}/status", times=times, status=422, body=body, headers=headers)


async def test_a_mirror_whose_status_the_rules_refuse_is_recreated(world: World, running: Running, kubeconfig: Path) -> None:
    job_id = await world.insert()
    async with running(waiting_status_delay_seconds=30.0):
        await world.until("it is mirrored", lambda: world.phase(job_id) == "RUNNING")
    body = world.custom(job_id)
    assert body is not None
    ahead = {**body["status"], "phase": "COMPLETED", "outputRef": "s3://elsewhere/manifest.json"}
    world.api.store.update(CUSTOM, "regen", job_name(job_id), {**body, "status": ahead}, subresource="status")

    def recreated() -> bool:
        found = world.custom(job_id)
        return found is not None and found["metadata"]["uid"] != body["metadata"]["uid"]

    async with refusing(world.api, kubeconfig, job_name(job_id), times=1) as refusal, running():
        await world.until("it is recreated", recreated)
        await world.until("the row's status is shown", lambda: world.phase(job_id) == "RUNNING")
    assert refusal.met == 1
    status = world.status(job_name(job_id))
    assert (status["jobId"], status.get("outputRef")) == (job_id, None)


async def test_a_mirror_whose_first_status_is_refused_is_not_recreated(
    world: World, running: Running, kubeconfig: Path
) -> None:
    job_id = await world.insert()
    async with refusing(world.api, kubeconfig, job_name(job_id), times=1000) as refusal, running():
        await world.until("its first status is refused", lambda: refusal.met)
        first = world.custom(job_id)
        assert first is not None
        later = await world.insert()
        await world.until("a later job's status is shown", lambda: world.phase(later) == "RUNNING")
    last = world.custom(job_id)
    assert last is not None
    assert last["metadata"]["uid"] == first["metadata"]["uid"]
    assert refusal.met == 1
    assert world.phase(job_id) is None


def apply_without_row(world: World) -> dict[str, Any]:
    """A resource ``mine`` whose status names a job that the database does not know."""
    world.apply("mine")
    body = world.find(CUSTOM, "regen", "mine")
    assert body is not None
    return dict(
        world.api.store.update(
            CUSTOM, "regen", "mine", {**body, "status": {"jobId": "lost", "phase": "PENDING"}}, subresource="status"
        )
    )


def refusal(world: World) -> dict[str, Any] | None:
    conditions = world.status("mine").get("conditions") or []
    return next((entry for entry in conditions if entry["type"] == "Refused"), None)


async def test_a_user_created_resource_whose_row_is_lost_is_refused_and_stays(world: World, running: Running) -> None:
    before = apply_without_row(world)
    async with running():
        found = await world.until("it is refused", lambda: refusal(world))
        later = await world.insert()
        await world.until("a later pass is over", lambda: world.custom(later))
    assert found["reason"] == "RowLost"
    after = world.find(CUSTOM, "regen", "mine")
    assert after is not None
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert [event["reason"] for event in world.api.store.list("events", "regen")] == ["Refused"]
    assert [row["id"] for row in await world.query('SELECT id FROM "RegenerationJob"')] == [later]


async def test_a_user_created_resource_that_is_ahead_of_its_row_is_refused_and_stays(
    world: World, running: Running, kubeconfig: Path
) -> None:
    world.apply("mine")
    async with running():
        job_id = await world.until("it has a row", lambda: world.status("mine").get("jobId"))
        await world.until("it is shown", lambda: world.status("mine").get("phase") == "RUNNING")
    body = world.find(CUSTOM, "regen", "mine")
    assert body is not None
    ahead = {**body["status"], "phase": "COMPLETED", "outputRef": "s3://elsewhere/manifest.json"}
    world.api.store.update(CUSTOM, "regen", "mine", {**body, "status": ahead}, subresource="status")
    async with refusing(world.api, kubeconfig, "mine", times=1), running():
        found = await world.until("it is refused", lambda: refusal(world))
    assert found["reason"] == "RowLost"
    after = world.find(CUSTOM, "regen", "mine")
    assert after is not None
    assert after["metadata"]["uid"] == body["metadata"]["uid"]
    assert world.status("mine")["jobId"] == job_id


async def test_a_user_created_resource_that_is_created_again_gets_a_new_row(world: World, running: Running) -> None:
    apply_without_row(world)
    async with running():
        await world.until("it is refused", lambda: refusal(world))
        world.api.store.delete(CUSTOM, "regen", "mine")
        world.apply("mine")
        job_id = await world.until("it has a row", lambda: world.status("mine").get("jobId"))
        assert (await world.row(job_id))["idempotencyKey"] == "cr:default/regen/mine"
