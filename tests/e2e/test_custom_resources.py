"""Does a custom resource made by hand become a row once, and is the mirror only a mirror?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.world import CRS, JOBS, PODS

if TYPE_CHECKING:
    from tests.e2e.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]


def by_hand(world: World, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "regeneration.dev/v1alpha1",
        "kind": "RegenerationJob",
        "metadata": {"name": name, "namespace": world.namespace},
        "spec": {"type": "probe_noop", "instruction": {"type": "probe_noop", "version": 1, "inputs": {}}},
    }


async def gone(world: World, name: str) -> bool:
    return await world.kube.find(CRS, world.namespace, name) is None


async def rows_of(world: World, name: str) -> list[dict[str, Any]]:
    return await world.query('SELECT * FROM "RegenerationJob" WHERE "idempotencyKey" LIKE %s', f"cr:%/{world.namespace}/{name}")


async def test_a_resource_made_by_hand_becomes_one_row_and_shows_it(world: World) -> None:
    await world.kube.create(CRS, world.namespace, by_hand(world, "november"))
    shown = await world.shows("november", "COMPLETED")
    [row] = await rows_of(world, "november")
    assert (row["requestedBy"], shown["status"]["jobId"]) == (f"cr:{world.namespace}", row["id"])
    assert await world.mirror(row["id"]) is None, "a hand-made resource has a second mirror"
    await world.kube.delete(CRS, world.namespace, "november")
    await world.until("the resource is gone", lambda: gone(world, "november"))
    await world.kube.create(CRS, world.namespace, by_hand(world, "november"))
    again = await world.shows("november", "COMPLETED")
    assert again["status"]["jobId"] == row["id"]
    assert len(await rows_of(world, "november")) == 1


async def test_a_deleted_mirror_changes_no_row_and_is_made_again(world: World) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 3})
    await world.started(job_id)

    async def mirrored() -> dict[str, Any] | None:
        return await world.mirror(job_id)

    first = await world.until("the mirror is there", mirrored)
    await world.kube.delete(CRS, world.namespace, first["metadata"]["name"])

    async def made_again() -> bool:
        mirror = await world.mirror(job_id)
        return mirror is not None and mirror["metadata"]["uid"] != first["metadata"]["uid"]

    await world.until("the mirror is made again", made_again)
    assert (await world.ended(job_id))["status"] == "COMPLETED"


async def test_a_job_costs_at_most_six_api_writes(world: World) -> None:
    if world.stack.config.kubeconfig:
        pytest.skip("not proven here: only the embedded API counts its writes")
    before = writes(world)
    ids = [await world.insert("probe_noop", {}) for _ in range(10)]
    for job_id in ids:
        await world.ended(job_id)
        await world.mirrored(job_id, "COMPLETED")
    # each resource goes after its time to live: one more write per job that this test does not wait for
    per_job = (writes(world) - before) / len(ids) + 1
    assert 3 <= per_job <= 6, per_job


def writes(world: World) -> int:
    """What our operators wrote, leases aside: those are renewed by the clock and not by a job."""
    return sum(
        count
        for (agent, verb, resource), count in world.stack.api.counters.items()
        if "regen-operator" in agent and verb in {"create", "update", "patch", "delete"} and "leases" not in resource
    )


async def test_no_secret_is_in_any_object(world: World) -> None:
    job_id = await world.insert("probe_noop", {})
    await world.ended(job_id)
    secrets = [value for name, value in world.stack.store.runner_environment.items() if "SECRET" in name]
    secrets.append(world.stack.database_url("runner").split(":")[2].split("@")[0])
    assert all(len(secret) > 8 for secret in secrets)
    for resource, namespace in ((CRS, world.namespace), (JOBS, world.runs), (PODS, world.runs)):
        found = await world.kube.find_all(resource, namespace)
        assert found
        assert [secret for secret in secrets if secret in str(found)] == []
