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


async def test_a_status_that_the_rules_refuse_means_delete_and_mirror_again(
    world: World, running: Running, kubeconfig: Path
) -> None:
    job_id = await world.insert()
    async with running(waiting_status_delay_seconds=30.0):
        await world.until("it is mirrored", lambda: world.phase(job_id) == "RUNNING")
    body = world.custom(job_id)
    assert body is not None
    ahead = {**body["status"], "phase": "COMPLETED", "outputRef": "s3://elsewhere/manifest.json"}
    world.api.store.update(CUSTOM, "regen", job_name(job_id), {**body, "status": ahead}, subresource="status")

    def made_again() -> bool:
        found = world.custom(job_id)
        return found is not None and found["metadata"]["uid"] != body["metadata"]["uid"]

    async with refusing(world.api, kubeconfig, job_name(job_id), times=1) as refusal, running():
        await world.until("it is made again", made_again)
        await world.until("the row's status is shown", lambda: world.phase(job_id) == "RUNNING")
    assert refusal.met == 1
    status = world.status(job_name(job_id))
    assert (status["jobId"], status.get("outputRef")) == (job_id, None)


async def test_a_status_that_a_new_resource_refuses_too_does_not_make_it_again(
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


def new_job(world: World) -> str | None:
    job_id: str | None = world.status("mine").get("jobId")
    return None if job_id == "lost" else job_id


async def test_an_applied_resource_whose_row_is_gone_becomes_a_row_again(world: World, running: Running) -> None:
    apply_without_row(world)
    async with running():
        job_id = await world.until("it has a row", lambda: new_job(world))
        assert (await world.row(job_id))["idempotencyKey"] == "cr:default/regen/mine"


@asynccontextmanager
async def creations_refused(api: KubernetesAPI, kubeconfig: Path, *, times: int) -> AsyncIterator[Rule]:
    """The next creations of custom resources are answered with 503."""
    port = urlsplit(api.url).port
    assert port is not None
    async with HttpProxy(port) as proxy:
        lead_through(kubeconfig, api.url, proxy.port)
        yield proxy.add("POST", "/namespaces/regen/regenerationjobs", times=times, status=503, body=b"{}")


async def test_one_that_cannot_be_put_back_at_once_is_put_back_later(world: World, running: Running, kubeconfig: Path) -> None:
    before = apply_without_row(world)
    async with creations_refused(world.api, kubeconfig, times=2) as refusal, running():
        job_id = await world.until("it is there again with a row", lambda: new_job(world))
    after = world.find(CUSTOM, "regen", "mine")
    assert after is not None
    assert (after["spec"], refusal.met) == (before["spec"], 2)
    assert [row["id"] for row in await world.query('SELECT id FROM "RegenerationJob"')] == [job_id]


async def test_one_that_a_finalizer_holds_is_put_back_once_it_lets_go(world: World, running: Running) -> None:
    before = apply_without_row(world)
    held = {**before["metadata"], "finalizers": ["example.org/wait"]}
    world.api.store.update(CUSTOM, "regen", "mine", {**before, "metadata": held})

    def deleting() -> dict[str, Any] | None:
        body = world.find(CUSTOM, "regen", "mine") or {"metadata": {}}
        return body if "deletionTimestamp" in body["metadata"] else None

    async with running() as operator:
        body = await world.until("it is being deleted", deleting)
        await world.until("putting it back was tried", lambda: operator.kube.writes["POST regenerationjobs"])
        world.api.store.update(CUSTOM, "regen", "mine", {**body, "metadata": {**body["metadata"], "finalizers": []}})
        await world.until("it is there again with a row", lambda: new_job(world))


async def test_an_operator_that_dies_before_it_puts_one_back_leaves_its_job(
    world: World, running: Running, kubeconfig: Path
) -> None:
    apply_without_row(world)
    async with creations_refused(world.api, kubeconfig, times=1000) as refusal, running():
        await world.until("it is gone", lambda: refusal.met and world.find(CUSTOM, "regen", "mine") is None)
    [row] = await world.query('SELECT id, "idempotencyKey" AS key FROM "RegenerationJob"')
    assert row["key"] == "cr:default/regen/mine"
    lead_through(kubeconfig, kubeconfig_server(kubeconfig), urlsplit(world.api.url).port or 0)
    async with running():
        await world.until("its job is shown and runs", lambda: world.phase(row["id"]) == "RUNNING")
        world.apply("mine")
        await world.until("applied again, it shows this job", lambda: new_job(world) == row["id"])
