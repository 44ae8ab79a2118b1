"""Does what a platform team installs run jobs, and leave them alone while it is upgraded, killed and taken away?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.e2e.installed.installation import OPERATORS
from tests.e2e.provenance import signed_statement
from tests.e2e.test_custom_resources import by_hand, gone, rows_of
from tests.e2e.world import CRS, LEASES, PODS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.e2e.installed.installation import Installation
    from tests.e2e.world import World

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("e2e"),
    pytest.mark.cluster,
    pytest.mark.timeout(600),
]

DOCUMENT = {"title": "T", "markdown": "# T\n\nText."}
EXPORT = {"rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "formats": ["csv", "parquet", "xlsx"]}


async def leader(world: World) -> str:
    """The pod of the operator that leads."""

    async def holder() -> str | None:
        lease = await world.kube.find(LEASES, world.namespace, "regen-operator")
        identity = str(lease["spec"].get("holderIdentity") or "") if lease else ""
        pods = await world.kube.find_all(PODS, world.namespace, OPERATORS)
        return next((pod["metadata"]["name"] for pod in pods if identity.startswith(pod["metadata"]["name"])), None)

    return str(await world.until("an operator leads", holder))


async def all_completed(world: World, ids: list[str]) -> None:
    for job_id in ids:
        row = await world.ended(job_id)
        assert row["status"] == "COMPLETED", row["errorJson"]
        assert await world.events(job_id) == ["REGEN_JOB_LOCKED", "REGEN_JOB_STARTED", "REGEN_JOB_COMPLETED"]


@pytest.mark.parametrize(("kind", "inputs"), [("document", DOCUMENT), ("export", EXPORT)])
async def test_a_job_of_each_shipped_type_completes(world: World, kind: str, inputs: dict[str, Any]) -> None:
    job_id = await world.insert(kind, inputs)
    await all_completed(world, [job_id])
    assert await world.outputs(job_id)
    mirrored = await world.mirrored(job_id, "COMPLETED")
    assert mirrored["status"]["outputRef"]
    assert signed_statement(world.stack, mirrored["status"])["subject"]


async def test_fifty_jobs_complete(world: World) -> None:
    kinds = [
        ("document", DOCUMENT),
        ("export", EXPORT),
        ("probe_noop", {}),
        ("probe_sleep", {"seconds": 1}),
        ("probe_count", {}),
    ]
    await all_completed(world, [await world.insert(*kinds[number % len(kinds)]) for number in range(50)])


async def test_an_upgrade_disturbs_no_running_job(world: World, installation: Installation) -> None:
    ids = [await world.insert("probe_sleep", {"seconds": 4}) for _ in range(20)]
    await world.started(ids[0])
    before = {pod["metadata"]["uid"] for pod in await world.kube.find_all(PODS, world.namespace, OPERATORS)}
    await installation.helm("upgrade", operator={"resources": {"limits": {"memory": "300Mi"}}})
    after = {pod["metadata"]["uid"] for pod in await world.kube.find_all(PODS, world.namespace, OPERATORS)}
    assert after
    assert after - before, "the upgrade replaced no operator: this test would show nothing"
    await all_completed(world, ids)


async def test_a_killed_leader_loses_nothing(world: World) -> None:
    ids = [await world.insert("probe_sleep", {"seconds": 1}) for _ in range(6)]
    await world.started(ids[0])
    await world.kube.delete(PODS, world.namespace, await leader(world), gracePeriodSeconds=0)
    await all_completed(world, [*ids, await world.insert("probe_noop", {})])


async def kill_operators(world: World) -> None:
    """All of them at once, by force."""
    for pod in await world.kube.find_all(PODS, world.namespace, OPERATORS):
        await world.kube.delete(PODS, world.namespace, pod["metadata"]["name"], gracePeriodSeconds=0)


async def inserted(world: World, job_id: str) -> bool:
    return bool(await world.row(job_id))


async def launched(world: World, job_id: str) -> bool:
    return await world.job(job_id) is not None


async def fenced(world: World, job_id: str) -> bool:
    return bool(await world.query('SELECT 1 FROM "RegenerationRun" WHERE "jobId" = %s', job_id))


async def completed(world: World, job_id: str) -> bool:
    return bool((await world.row(job_id))["status"] == "COMPLETED")


@pytest.mark.parametrize("step", [inserted, launched, fenced, completed], ids=lambda step: step.__name__)
async def test_operators_killed_at_a_step_lose_nothing(world: World, step: Callable[[World, str], Awaitable[bool]]) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 1})
    await world.until(f"it is {step.__name__}", lambda: step(world, job_id))
    await kill_operators(world)
    await all_completed(world, [job_id])
    assert len(await world.pods(job_id)) == 1
    assert (await world.mirrored(job_id, "COMPLETED"))["status"]["outputRef"]


async def test_operators_killed_between_claim_and_launch_lose_nothing(world: World) -> None:
    await kill_operators(world)
    # In one transaction, as if by the operator that is gone: no other can come before it.
    async with await psycopg.AsyncConnection.connect(world.stack.superuser_url, connect_timeout=10) as connection:
        instruction = {"type": "probe_noop", "version": 1, "inputs": {}}
        await connection.execute(
            'INSERT INTO "RegenerationJob" (id, "instructionJson") VALUES (%s, %s)', ("claimed-only", Jsonb(instruction))
        )
        claimed = await connection.execute("SELECT id FROM regen_claim_v1(1, 100, '{}', NULL, '{probe_noop}')")
        assert await claimed.fetchall() == [("claimed-only",)]
    await all_completed(world, ["claimed-only"])
    assert len(await world.pods("claimed-only")) == 1


async def test_a_pod_that_fills_its_folder_is_evicted_and_a_matter_of_resources(world: World) -> None:
    job_id = await world.insert("probe_flood", {"bytes": 128 << 20, "hold": 50})
    row = await world.ended(job_id)
    assert (row["status"], row["errorJson"]["classification"], row["errorJson"]["retryable"]) == ("FAILED", "resources", False)
    assert row["errorJson"]["detail"]["reason"] == "Evicted"
    assert await world.outputs(job_id) == []


async def test_a_resource_applied_again_after_its_ttl_makes_no_second_run(world: World, installation: Installation) -> None:
    await installation.helm("upgrade", operator={"env": {"REGEN_CR_TTL_SECONDS": "5"}})
    try:
        await world.kube.create(CRS, world.namespace, by_hand(world, "pruned"))
        shown = await world.shows("pruned", "COMPLETED")
        await world.until("its TTL passes", lambda: gone(world, "pruned"))
        await world.kube.create(CRS, world.namespace, by_hand(world, "pruned"))
        assert (await world.shows("pruned", "COMPLETED"))["status"]["jobId"] == shown["status"]["jobId"]
        await world.until("its TTL passes again", lambda: gone(world, "pruned"))
        assert len(await rows_of(world, "pruned")) == 1
    finally:
        await installation.helm("upgrade")


async def test_a_resource_applied_again_makes_no_second_run(world: World) -> None:
    await world.kube.create(CRS, world.namespace, by_hand(world, "installed"))
    shown = await world.shows("installed", "COMPLETED")
    await world.kube.delete(CRS, world.namespace, "installed")
    await world.until("the resource is gone", lambda: gone(world, "installed"))
    await world.kube.create(CRS, world.namespace, by_hand(world, "installed"))
    assert (await world.shows("installed", "COMPLETED"))["status"]["jobId"] == shown["status"]["jobId"]
    assert len(await rows_of(world, "installed")) == 1


async def test_an_uninstall_hangs_on_nothing_and_loses_no_row(world: World, installation: Installation) -> None:
    job_id = await world.insert("probe_sleep", {"seconds": 3})
    await world.started(job_id)
    [before] = await world.query('SELECT count(*) AS n FROM "RegenerationJob"')
    await installation.uninstall()
    try:
        row = await world.ended(job_id)
        assert row["status"] == "COMPLETED", "the pod ends its own job, with no operator left"
        waiting = await world.insert("probe_noop", {})
        [after] = await world.query('SELECT count(*) AS n FROM "RegenerationJob"')
        assert after["n"] == before["n"] + 1
    finally:
        await installation.helm("install")
    await all_completed(world, [waiting])
