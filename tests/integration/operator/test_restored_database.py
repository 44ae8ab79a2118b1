"""What if the rows are older than what the custom resources say (a database was restored)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regen_core.names import job_name

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

CUSTOM = "regenerationjobs.regeneration.dev"


async def test_a_status_that_the_rules_refuse_means_delete_and_mirror_again(world: World, running: Running) -> None:
    job_id = await world.insert()
    async with running(waiting_status_delay_seconds=30.0):
        await world.until("it is mirrored", lambda: world.phase(job_id) == "RUNNING")
    body = world.custom(job_id)
    assert body is not None
    status = {**body["status"], "phase": "COMPLETED", "outputRef": "s3://elsewhere/manifest.json", "jobId": "another"}
    world.api.store.update(CUSTOM, "regen", job_name(job_id), {**body, "status": status}, subresource="status")
    async with running():
        # Where the API server holds the CRD's rules it is made again; the embedded one has no CEL, and takes the status.
        await world.until("the row's status is shown", lambda: world.status(job_name(job_id)).get("jobId") == job_id)
        assert world.phase(job_id) == "RUNNING"


async def test_an_applied_resource_whose_row_is_gone_becomes_a_row_again(world: World, running: Running) -> None:
    world.apply("mine")
    body = world.find(CUSTOM, "regen", "mine")
    assert body is not None
    world.api.store.update(
        CUSTOM, "regen", "mine", {**body, "status": {"jobId": "lost", "phase": "PENDING"}}, subresource="status"
    )
    async with running():
        job_id = await world.until(
            "it has a row", lambda: world.status("mine").get("jobId") not in {None, "lost"} and world.status("mine")["jobId"]
        )
        assert (await world.row(job_id))["idempotencyKey"] == "cr:default/regen/mine"
