"""Does a user-created resource become exactly one row, and is every other one refused?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regen_core.names import job_name

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

CUSTOM = "regenerationjobs.regeneration.dev"


def refusal(world: World, name: str, namespace: str = "regen") -> str | None:
    conditions = world.status(name, namespace).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["type"] == "Refused"), None)


async def test_an_applied_resource_is_a_row_once_and_shows_it(world: World, running: Running) -> None:
    world.apply("mine", {"n": 1})
    async with running() as operator:
        job_id = await world.until("it has a row", lambda: world.status("mine").get("jobId"))
        found = world.find(CUSTOM, "regen", "mine")
        assert found is not None
        assert found["metadata"]["labels"]["regeneration.dev/job-id"] == job_id
        row = await world.until_status(job_id, "RUNNING")
        assert (row["idempotencyKey"], row["requestedBy"]) == ("cr:default/regen/mine", "cr:regen")
        await world.start(job_id, "uid", "pod")
        await world.complete(job_id)
        await world.until("it is shown", lambda: world.status("mine").get("phase") == "COMPLETED")
        assert world.custom(job_id) is None, "the object that was applied is the mirror"

        world.api.store.delete(CUSTOM, "regen", "mine")
        world.apply("mine", {"n": 1})
        await world.until("the old row is shown", lambda: world.status("mine").get("phase") == "COMPLETED")
        assert world.status("mine")["jobId"] == job_id

        world.api.store.delete(CUSTOM, "regen", "mine")
        world.apply("mine", {"n": 2})
        await world.until("it is refused", lambda: refusal(world, "mine"))
        assert refusal(world, "mine") == "InstructionDiffers"
        assert len(await world.query('SELECT id FROM "RegenerationJob"')) == 1
        assert operator.lease.held


async def test_a_running_row_whose_applied_resource_goes_surfaces_under_its_own_name(world: World, running: Running) -> None:
    world.apply("mine")
    async with running():
        job_id = await world.until("it has a row", lambda: world.status("mine").get("jobId"))
        await world.until_status(job_id, "RUNNING")
        world.api.store.delete(CUSTOM, "regen", "mine")
        await world.until("its mirror is made", lambda: world.custom(job_id))
        assert (await world.row(job_id))["status"] == "RUNNING"
        world.apply("mine")
        await world.until("its mirror goes again", lambda: world.custom(job_id) is None)
        assert world.status("mine")["jobId"] == job_id


async def test_an_applied_resource_goes_after_its_ttl_and_applied_again_makes_no_second_run(
    world: World, running: Running
) -> None:
    world.apply("mine")
    async with running(cr_ttl_seconds=2):
        job_id = await world.until("it has a row", lambda: world.status("mine").get("jobId"))
        await world.until_status(job_id, "RUNNING")
        await world.start(job_id, "uid", "pod")
        await world.complete(job_id)
        await world.until("it goes", lambda: world.find(CUSTOM, "regen", "mine") is None)
        world.apply("mine")
        await world.until("the old row is shown", lambda: world.status("mine").get("phase") == "COMPLETED")
        assert world.status("mine")["jobId"] == job_id
        await world.until("it goes again", lambda: world.find(CUSTOM, "regen", "mine") is None)
        assert len(await world.query('SELECT id FROM "RegenerationJob"')) == 1


async def test_a_reserved_name_is_refused(world: World, running: Running) -> None:
    world.apply(job_name("forged"))
    async with running():
        await world.until("it is refused", lambda: refusal(world, "regen-forged"))
        assert refusal(world, "regen-forged") == "NameReserved"
        conditions = {entry["type"]: entry["status"] for entry in world.status("regen-forged")["conditions"]}
        assert conditions["Succeeded"] == "False", "kubectl wait ends"
        assert world.status("regen-forged")["reason"] == "Refused"
        [event] = await world.until("an event says so", lambda: world.api.store.list("events", "regen"))
        assert event["reason"] == "Refused"
        assert await world.query('SELECT id FROM "RegenerationJob"') == []


async def test_only_the_named_namespaces_give_jobs(world: World, running: Running) -> None:
    world.api.store.create("namespaces", None, {"metadata": {"name": "team"}})
    world.apply("here", namespace="regen")
    world.apply("there", namespace="team")
    async with running(cr_namespaces=("team",)):
        await world.until("team's is a row", lambda: world.status("there", "team").get("jobId"))
        await world.until("the other is refused", lambda: refusal(world, "here"))
        assert refusal(world, "here") == "NamespaceNotServed"
