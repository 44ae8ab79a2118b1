"""Do jobs of a type wait in the queue while a pod of that type is unschedulable, and only those?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regen_core.names import job_name
from tests.integration.operator.world import PODS

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Running
    from tests.integration.operator.world import World

UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient cpu"}


async def test_a_type_whose_pods_find_no_node_is_not_claimed_until_they_do(world: World, running: Running) -> None:
    async with running(waiting_status_delay_seconds=1.0):
        first = await world.insert("document")
        await world.until("the Job is made", lambda: world.job(first))
        pod = world.make_pod(first, phase="Pending")
        name = pod["metadata"]["name"]
        pod = world.api.store.update(
            PODS,
            "regen-runs",
            name,
            {**pod, "status": {"phase": "Pending", "conditions": [UNSCHEDULABLE]}},
            subresource="status",
        )
        await world.until("the custom resource says so", lambda: world.status(job_name(first)).get("reason") == "Unschedulable")
        later, other = await world.insert("document"), await world.insert("export")
        await world.until_status(other, "RUNNING")
        await world.until("the queue says why", lambda: world.status(job_name(later)).get("reason") == "Unschedulable")
        assert (await world.row(later))["status"] == "PENDING"
        world.api.store.update(PODS, "regen-runs", name, {**pod, "status": {"phase": "Running"}}, subresource="status")
        await world.until_status(later, "RUNNING")
